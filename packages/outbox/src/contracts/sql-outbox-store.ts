import type { OutboxStore } from './outbox-store.js';

/** A store that makes its own tables. */
export interface SqlOutboxStore extends OutboxStore {
  /** What people call it: `PostgreSQL`. */
  readonly label: string;
  /**
   * Creates or upgrades the tables. Additive, and safe when several processes do it at once.
   *
   * @param lanes for new tables; those that are there keep theirs
   */
  migrate(lanes?: number): Promise<void>;
  /** What `migrate()` does, as one statement for those who apply SQL by hand, whatever version they have. Asks no database. */
  migrationSql(lanes?: number): string;
  /** The same as a script for the database's own client. */
  migrationScript(lanes?: number): string;
}

export function isSqlStore(store: OutboxStore): store is SqlOutboxStore {
  return 'migrate' in store && 'migrationSql' in store && 'migrationScript' in store;
}
