import { hasMethods, type KnownHandle } from '../known-handle.js';
import { toParams } from '../sql-params.js';
import type { TransactionAdapter } from '../transaction-adapter.js';
import { abortedError } from '../transaction.errors.js';

/** The part of a promise `Connection` or `Pool` of `mysql2` that is used. */
export interface Mysql2QueryableLike {
  query(sql: string, values?: unknown[]): Promise<unknown>;
}

/** The part of a promise `PoolConnection` of `mysql2` that is used. */
export interface Mysql2ConnectionLike extends Mysql2QueryableLike {
  release(): void;
  destroy(): void;
}

/** The part of a promise `Pool` of `mysql2` that is used. */
export interface Mysql2PoolLike<Connection extends Mysql2ConnectionLike> {
  getConnection(): Promise<Connection>;
}

/** What the callback interface of `mysql2` turns into promises with. */
export interface Mysql2CallbackLike<Promised> {
  promise(): Promised;
}

/**
 * Transactions through `mysql2`, on MySQL or MariaDB. User code reaches the promise `PoolConnection` with
 * `transactions.current<PoolConnection>()`, or injects `transactionAware(transactions, pool)`.
 */
export function fromMysql2<Connection extends Mysql2ConnectionLike = Mysql2ConnectionLike>(
  pool: Mysql2PoolLike<Connection> | Mysql2CallbackLike<Mysql2PoolLike<Connection>>,
): TransactionAdapter<Connection> {
  const promised = 'promise' in pool ? pool.promise() : pool;
  return {
    library: 'mysql2',
    dialect: 'mysql',
    transaction: async (work, { isolation }) => {
      const connection = await promised.getConnection();
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
        else connection.release();
      }
    },
    beforeCommit: mysql2Handle.assertOpen,
    sql: mysql2Handle.executor,
  };
}

export const mysql2Handle: KnownHandle<Mysql2QueryableLike> = {
  accepts: 'a mysql2 Pool, Connection or PoolConnection',
  recognise: (handle) => hasMethods(handle, 'query', 'execute', 'unprepare') || isPool(handle),
  inTransaction: (handle) => (isPool(handle) ? false : () => isMysqlTransactionOpen(handle)),
  executor: (handle) => ({
    dialect: 'mysql',
    query: async <Row>(sql: string, params?: readonly unknown[]) => {
      const [result] = await promised(handle, sql, toParams(params, 'mysql'));
      if (Array.isArray(result)) return { rows: result as Row[], rowCount: result.length };
      return { rows: [], rowCount: (result as { affectedRows: number }).affectedRows };
    },
  }),
  assertOpen: (handle) => assertMysqlOpen('mysql2', handle),
};

/**
 * MySQL undoes the whole transaction on a deadlock and then runs what follows outside any, so the commit of a swallowed
 * deadlock would keep the second half. Only the status in a server's answer tells, hence the round trip.
 */
export async function assertMysqlOpen(library: string, connection: object): Promise<void> {
  if (!(await isMysqlTransactionOpen(connection))) throw abortedError(library);
}

const SERVER_STATUS_IN_TRANS = 1;

async function isMysqlTransactionOpen(connection: object): Promise<boolean> {
  const [header] = await promised(connection, 'do 0', []);
  return ((header as { serverStatus: number }).serverStatus & SERVER_STATUS_IN_TRANS) !== 0;
}

/** The same statement on both interfaces of mysql2. */
async function promised(handle: object, sql: string, values: unknown[]): Promise<unknown[]> {
  const queryable = hasMethods(handle, 'promise')
    ? (handle as Mysql2CallbackLike<Mysql2QueryableLike>).promise()
    : (handle as Mysql2QueryableLike);
  return (await queryable.query(sql, values)) as unknown[];
}

const isPool = (handle: object): boolean =>
  hasMethods(handle, 'getConnection', 'query', 'execute', 'format');
