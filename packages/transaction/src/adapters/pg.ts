import { hasMethods, type KnownHandle } from '../known-handle.js';
import type { SqlExecutor } from '../sql-executor.js';
import { toParams } from '../sql-params.js';
import type { TransactionAdapter } from '../transaction-adapter.js';
import { abortedError } from '../transaction.errors.js';

/** The part of a `pg` `Client` or `PoolClient` that is used. */
export interface PgClientLike {
  query(
    text: string,
    values?: unknown[],
  ): Promise<{ rows: unknown[]; rowCount: number | null; command: string }>;
  /** `I` idle, `T` in a transaction, `E` in a failed one, null before the first answer. Older versions lack it. */
  getTransactionStatus?(): 'I' | 'T' | 'E' | null;
}

/** The part of a `pg` `PoolClient` that is used. */
export interface PgPoolClientLike extends PgClientLike {
  release(error?: Error | boolean): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
}

/** The part of a `pg` `Pool` that is used. */
export interface PgPoolLike<Client extends PgPoolClientLike> {
  connect(): Promise<Client>;
}

/**
 * Transactions through `pg`. User code reaches the `PoolClient` with `transactions.current<PoolClient>()`, or injects
 * `transactionAware(transactions, pool)` and writes `pool.query(…)` as ever.
 */
export function fromPg<Client extends PgPoolClientLike = PgPoolClientLike>(
  pool: PgPoolLike<Client>,
): TransactionAdapter<Client> {
  return {
    library: 'pg',
    dialect: 'postgres',
    transaction: async (work, { isolation }) => {
      const client = await pool.connect();
      let broken: Error | undefined;
      // A connection that dies between two statements emits `error`; without a listener that ends the process.
      const onError = (error: Error) => void (broken ??= error);
      client.on('error', onError);
      try {
        await client.query(isolation ? `begin isolation level ${isolation}` : 'begin');
        const result = await work(client);
        const { command } = await client.query('commit');
        // The friendly answer of PostgreSQL to the commit of a transaction in which a statement has failed.
        if (command === 'ROLLBACK') throw abortedError('pg');
        return result;
      } catch (error) {
        // A rollback that fails must not hide why it was needed; the connection is thrown away instead.
        if (!broken) await client.query('rollback').catch(onError);
        throw error;
      } finally {
        client.off('error', onError);
        client.release(broken);
      }
    },
    sql: pgExecutor,
  };
}

/** SQL on a pg client, pool client or pool. */
export function pgExecutor(client: PgClientLike): SqlExecutor {
  return {
    dialect: 'postgres',
    query: async <Row>(sql: string, params?: readonly unknown[]) => {
      const { rows, rowCount } = await client.query(sql, toParams(params, 'postgres'));
      return { rows: rows as Row[], rowCount: rowCount ?? 0 };
    },
  };
}

export const pgHandle: KnownHandle<PgClientLike> = {
  accepts: 'a pg Pool, Client or PoolClient',
  recognise: (handle) =>
    hasMethods(handle, 'query', 'connect') && (isPool(handle) || 'connection' in handle),
  inTransaction: (client) => client.getTransactionStatus?.() === 'T',
  executor: pgExecutor,
};

const isPool = (handle: object): boolean => 'totalCount' in handle && 'idleCount' in handle;
