import { hasMethods, type KnownHandle } from '../known-handle.js';
import { toParams } from '../sql-params.js';
import type { TransactionAdapter } from '../transaction-adapter.js';
import { abortedError } from '../transaction.errors.js';
import { probePostgres } from './pg.js';

/** The part of a `PGlite` or of its `Transaction` that is used. */
export interface PgliteQueryableLike {
  query<Row>(sql: string, params?: unknown[]): Promise<{ rows: Row[]; affectedRows?: number }>;
  /** On a transaction only. */
  readonly closed?: boolean;
}

/** The part of `PGlite` that is used. */
export interface PgliteLike<Tx extends PgliteQueryableLike> {
  transaction<R>(work: (tx: Tx) => Promise<R>): Promise<R>;
}

/**
 * Transactions through `@electric-sql/pglite`. User code reaches the `Transaction` with
 * `transactions.current<Transaction>()`. There is one connection: transactions wait for one another, and `requiresNew`
 * inside an open one is refused.
 */
export function fromPglite<Tx extends PgliteQueryableLike = PgliteQueryableLike>(
  pglite: PgliteLike<Tx>,
): TransactionAdapter<Tx> {
  return {
    library: 'PGlite',
    dialect: 'postgres',
    singleConnection: true,
    transaction: (work, { isolation }) =>
      pglite.transaction(async (tx) => {
        if (isolation) await tx.query(`set transaction isolation level ${isolation}`);
        return work(tx);
      }),
    beforeCommit: pgliteHandle.assertOpen,
    sql: pgliteHandle.executor,
  };
}

export const pgliteHandle: KnownHandle<PgliteQueryableLike> = {
  accepts: 'a PGlite or its Transaction',
  recognise: (handle) =>
    hasMethods(handle, 'query', 'exec', 'sql') &&
    (isTransaction(handle) || hasMethods(handle, 'transaction')),
  inTransaction: (handle) => isTransaction(handle) && handle.closed === false,
  executor: (handle) => ({
    dialect: 'postgres',
    query: async <Row>(sql: string, params?: readonly unknown[]) => {
      const { rows, affectedRows = 0 } = await handle.query<Row>(sql, toParams(params, 'postgres'));
      return { rows, rowCount: Math.max(rows.length, affectedRows) };
    },
  }),
  // PGlite would reject the commit of a failed transaction with an error that carries no SQLSTATE, and calls one a
  // success that user code has rolled back.
  assertOpen: async (tx) => {
    if (tx.closed) throw abortedError('PGlite');
    await probePostgres('PGlite', (sql) => tx.query(sql));
  },
};

const isTransaction = (handle: object): boolean =>
  'closed' in handle && hasMethods(handle, 'rollback');
