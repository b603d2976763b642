import type { SqlDialect, SqlExecutor, SqlResult } from './sql-executor.js';

/** How much of other transactions a transaction may see. Without one, the database's own default applies. */
export type IsolationLevel = 'read committed' | 'repeatable read' | 'serializable';

/** What a transaction is opened with. */
export interface TransactionOptions {
  /** @default the database's */
  readonly isolation?: IsolationLevel | undefined;
  /**
   * One statement without parameters that the adapter may send together with the `begin`, in one message: it then costs no
   * round trip, and `work` is called with what it has answered. An adapter that cannot do so ignores it.
   */
  readonly opening?: string | undefined;
}

/**
 * Opens transactions through one library. `Transactions` does everything that is the same for all of them (joining,
 * rollback-only, after-commit callbacks, naming what went wrong); an adapter only says how this library does it.
 *
 * Anyone may write one; the contract suite of `@acme/nest-transaction/testing` says whether it is right.
 */
export interface TransactionAdapter<Handle = unknown> {
  /** The library, as it is named in errors. */
  readonly library: string;
  readonly dialect: SqlDialect;
  /** True when there is one connection only, so that a second transaction would wait for the first for ever. */
  readonly singleConnection?: boolean | undefined;
  /**
   * Opens a transaction, calls `work` once with the library's own handle, commits when `work` resolves and rolls back
   * when it rejects. Settles after the connection was given back. A rejection after `work` has resolved means that the
   * commit failed. Never calls `work` twice, and never joins a transaction that is already open. `opened` is the result of
   * the `opening` statement, where it was carried out.
   */
  transaction<R>(
    work: (handle: Handle, opened?: SqlResult) => Promise<R>,
    options: TransactionOptions,
  ): Promise<R>;
  /** SQL on the handle that `transaction` gave to `work`. */
  sql(handle: Handle): SqlExecutor;
  /**
   * Called after the user's work and before the commit. Writes what the library still holds back, and rejects when the
   * database has already given the transaction up: PostgreSQL answers the `commit` of a failed transaction with a
   * friendly `ROLLBACK`, which most libraries report as success.
   *
   * @throws {TransactionAbortedError}
   */
  beforeCommit?(handle: Handle): Promise<void>;
  /**
   * The handle of a transaction that the library itself has open in the calling async context, for libraries that carry
   * one around (`@Transactional()` of `@nestjs-cls/transactional`, a MikroORM context). Such a transaction is joined,
   * but its commit belongs to whoever opened it.
   */
  ambient?(): Handle | undefined;
}

/** The handle that an adapter's transactions have: `HandleOf<typeof adapter>`. */
export type HandleOf<Adapter> = Adapter extends TransactionAdapter<infer Handle> ? Handle : never;
