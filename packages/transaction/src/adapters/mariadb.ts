import { hasMethods, type KnownHandle } from '../known-handle.js';
import { toParams } from '../sql-params.js';
import type { TransactionAdapter } from '../transaction-adapter.js';
import { abortedError } from '../transaction.errors.js';

/** The part of a promise `Connection` or `Pool` of `mariadb` that is used. */
export interface MariadbQueryableLike {
  query(sql: string, values?: unknown): Promise<unknown>;
  /** On a connection: what the server said last about it. */
  readonly info?: { readonly status?: number } | null;
}

/** The part of a promise `PoolConnection` of `mariadb` that is used. */
export interface MariadbConnectionLike extends MariadbQueryableLike {
  release(): Promise<void> | void;
  destroy(): void;
}

/** The part of a promise `Pool` of `mariadb` that is used. */
export interface MariadbPoolLike<Connection extends MariadbConnectionLike> {
  getConnection(): Promise<Connection>;
}

/**
 * Transactions through `mariadb`. User code reaches the `PoolConnection` with
 * `transactions.current<PoolConnection>()`, or injects `transactionAware(transactions, pool)`.
 */
export function fromMariadb<Connection extends MariadbConnectionLike = MariadbConnectionLike>(
  pool: MariadbPoolLike<Connection>,
): TransactionAdapter<Connection> {
  return {
    library: 'mariadb',
    dialect: 'mysql',
    transaction: async (work, { isolation }) => {
      const connection = await pool.getConnection();
      let broken = false;
      try {
        if (isolation) await connection.query(`set transaction isolation level ${isolation}`);
        await connection.query('start transaction');
        const result = await work(connection);
        await connection.query('commit');
        return result;
      } catch (error) {
        // A rollback that fails must not hide why it was needed; the connection is thrown away instead.
        await connection.query('rollback').catch(() => (broken = true));
        throw error;
      } finally {
        if (broken) connection.destroy();
        else await connection.release();
      }
    },
    beforeCommit: mariadbHandle.assertOpen,
    sql: mariadbHandle.executor,
  };
}

const SERVER_STATUS_IN_TRANS = 1;

export const mariadbHandle: KnownHandle<MariadbQueryableLike> = {
  accepts: 'a mariadb Pool, Connection or PoolConnection',
  recognise: (handle) => hasMethods(handle, 'query', 'execute', 'batch'),
  inTransaction: (handle) => (handle.info ? () => isOpen(handle) : false),
  executor: (handle) => ({
    dialect: 'mysql',
    query: async <Row>(sql: string, params?: readonly unknown[]) => {
      const result = await handle.query(sql, toParams(params, 'mysql'));
      if (Array.isArray(result)) return { rows: [...result] as Row[], rowCount: result.length };
      return { rows: [], rowCount: (result as { affectedRows: number }).affectedRows };
    },
  }),
  // A deadlock undoes the whole transaction, and what follows runs outside any.
  assertOpen: async (connection) => {
    if (!(await isOpen(connection))) throw abortedError('mariadb');
  },
};

/** The status comes with answers, but not with errors: without a statement it would be that of before a deadlock. */
async function isOpen(connection: MariadbQueryableLike): Promise<boolean> {
  await connection.query('do 0');
  return ((connection.info?.status ?? 0) & SERVER_STATUS_IN_TRANS) !== 0;
}
