import type { OutboxStore } from '@acme/nest-outbox';
import { Publisher } from '@acme/nest-message-context';
import type { TransactionAdapter } from '@acme/nest-transaction';
import { vi } from 'vitest';

/** A store with empty tables. */
export function emptyStore(more: Partial<OutboxStore> = {}): OutboxStore {
  const store: Partial<OutboxStore> = {
    lanes: 1,
    prepare: async () => {},
    insert: async () => {},
    tend: async (_relay, held) => ({ relays: 1, renewed: held.map(({ lane }) => lane) }),
    claim: async () => [{ lane: 0, token: 1, takenOver: false }],
    release: async () => {},
    leave: async () => {},
    readPending: async () => [],
    readBlocks: async () => [],
    readWaiting: async () => ({ messages: [], empty: [] }),
    remove: async () => 0,
    divert: async () => {},
    holdBack: async () => {},
    park: async () => {},
    unblock: async () => [],
    heal: async () => {},
    promote: async () => ({ moved: 0, skipped: 0, nextInMs: undefined }),
    ...more,
  };
  return store as OutboxStore;
}

/** A publisher that is given nothing. */
export class NullPublisher extends Publisher {
  readonly close = vi.fn<() => Promise<void>>(async () => {});
  publish = async () => [];
}

/** Transactions on no database. */
export const noAdapter: TransactionAdapter = {
  library: 'none',
  dialect: 'postgres',
  transaction: (work) => work({}),
  sql: () => ({ dialect: 'postgres', query: async () => ({ rows: [], rowCount: 0 }) }),
};
