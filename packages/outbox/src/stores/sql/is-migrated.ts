import type { OutboxOperations } from '../../contracts/outbox-store.js';

type Asked = Required<Pick<OutboxOperations, 'version' | 'status'>>;

/** Whether there is nothing to do. To find that out takes no right to create tables, which migrating does even then. */
export async function isMigrated(operations: Asked): Promise<boolean> {
  const { found, needed } = await operations.version();
  // The lanes come last.
  return found >= needed && (await operations.status()).lanes > 0;
}
