import type { SqlExecutor } from '@acme/nest-transaction';
import type { IdempotencyStore, SqlIdempotencyStore } from '../core/store.js';

/** One case of a contract suite, for any test runner: `for (const { name, run } of cases) it(name, run)`. */
export interface ContractCase {
  readonly name: string;
  /** Rejects when the contract is broken. */
  run(): Promise<void>;
}

/** What the suite needs of the store under test. */
export interface StoreContractFixture {
  readonly store: IdempotencyStore;
  /** The same records through a connection of its own, as another process has it; the same object where there is none. */
  readonly other: IdempotencyStore;
}

/** What the suite needs of a store in an SQL database, besides. */
export interface SqlStoreContractFixture {
  /** Ready to work: migrated, with a connection of its own. */
  readonly store: SqlIdempotencyStore;
  /**
   * Runs `work` in a transaction of its own and commits it, or rolls it back and rejects when `work` rejects. At least five
   * at once.
   */
  transaction<R>(
    work: (sql: SqlExecutor) => Promise<R>,
    isolation?: 'read committed' | 'repeatable read' | 'serializable',
  ): Promise<R>;
}
