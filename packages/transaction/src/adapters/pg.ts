import { hasMethods, type KnownHandle } from '../known-handle.js';
import type { SqlExecutor, SqlResult } from '../sql-executor.js';
import { toParams } from '../sql-params.js';
import { sqlStateOf } from '../sql-state.js';
import type { TransactionAdapter } from '../transaction-adapter.js';
import { abortedError } from '../transaction.errors.js';

interface PgAnswer {
  readonly rows: unknown[];
  readonly rowCount: number | null;
}

/** The part of a `pg` `Client`, `PoolClient` or `Pool` that is used. */
export interface PgClientLike {
  query(text: string, values?: unknown[]): Promise<PgAnswer & { command: string }>;
  /** `I` idle, `T` in a transaction, `E` in a failed one, null before the first answer. Older versions lack it. */
  getTransactionStatus?(): 'I' | 'T' | 'E' | null;
  /** False while the end of an answer is outstanding. */
  readonly readyForQuery?: boolean;
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
  listenerCount?(event: 'error'): number;
  on?(event: 'error', listener: (error: Error) => void): unknown;
}

/**
 * Transactions through `pg`. User code reaches the `PoolClient` with `transactions.current<PoolClient>()`, or injects
 * `transactionAware(transactions, pool)` and writes `pool.query(…)` as ever.
 */
export function fromPg<Client extends PgPoolClientLike = PgPoolClientLike>(
  pool: PgPoolLike<Client>,
): TransactionAdapter<Client> {
  // A connection that dies while it is idle makes the pool emit `error`, and without a listener that ends the process. The pool
  // has thrown the connection away by then, so there is nothing to do; whoever wants to know has a listener already.
  if (pool.listenerCount?.('error') === 0) pool.on?.('error', () => {});
  const both = sendingBoth();
  return {
    library: 'pg',
    dialect: 'postgres',
    transaction: async (work, { isolation, opening }) => {
      const client = await pool.connect();
      let broken: Error | undefined;
      // A connection that dies between two statements emits `error`; without a listener that ends the process.
      const onError = (error: Error) => void (broken ??= error);
      client.on('error', onError);
      try {
        const begin = isolation ? `begin isolation level ${isolation}` : 'begin';
        const opened = opening === undefined ? undefined : await both(client, begin, opening);
        if (!opened) await client.query(begin);
        const result = await work(client, opened);
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
    beforeCommit: pgHandle.assertOpen,
    sql: pgHandle.executor,
  };
}

/**
 * `begin` and a statement in one message, and what the statement has answered. Undefined, and nothing open, with what only
 * resembles pg and answers as if they were one.
 */
function sendingBoth() {
  let tellsBoth = true;
  return async (
    client: PgClientLike,
    begin: string,
    statement: string,
  ): Promise<SqlResult | undefined> => {
    if (!tellsBoth) return undefined;
    const answers: unknown = await client.query(`${begin}; ${statement}`);
    if (Array.isArray(answers)) return resultOf(answers[1] as PgAnswer);
    // Nobody can tell how it was carried out, so it must not have been.
    tellsBoth = false;
    await client.query('rollback');
    return undefined;
  };
}

const resultOf = <Row>({ rows, rowCount }: PgAnswer): SqlResult<Row> => ({
  rows: rows as Row[],
  rowCount: rowCount ?? 0,
});

export const pgHandle: KnownHandle<PgClientLike> = {
  accepts: 'a pg Pool, Client or PoolClient',
  recognise: (handle) =>
    hasMethods(handle, 'query', 'connect', 'escapeLiteral') ||
    (hasMethods(handle, 'query', 'connect') && 'idleCount' in handle),
  inTransaction: (client) => {
    if ('idleCount' in client) return false;
    if (!client.getTransactionStatus) return () => acceptsSavepoint((sql) => client.query(sql));
    return ['T', 'E'].includes(client.getTransactionStatus() ?? '');
  },
  executor: (client): SqlExecutor => ({
    dialect: 'postgres',
    query: async <Row>(sql: string, params?: readonly unknown[]) =>
      resultOf<Row>(await client.query(sql, toParams(params, 'postgres'))),
  }),
  assertOpen: (client) => assertPgOpen('pg', client),
};

/**
 * For every library that gives its pg client away: the client knows the state, without a round trip. Not right after an
 * error, though: pg rejects when the error arrives, and the state comes in the message after it, possibly later.
 */
export async function assertPgOpen(library: string, client: PgClientLike): Promise<void> {
  if (client.readyForQuery === true && client.getTransactionStatus) {
    if (client.getTransactionStatus() !== 'T') throw abortedError(library);
  } else {
    await probePostgres(library, (sql) => client.query(sql));
  }
}

/** Where the client cannot be asked, a statement tells: every one fails in a transaction that has failed. */
export async function probePostgres(
  library: string,
  query: (sql: string) => Promise<unknown>,
): Promise<void> {
  try {
    await query('select 1');
  } catch (error) {
    throw sqlStateOf(error) === '25P02' ? abortedError(library) : error;
  }
}

/**
 * The one statement that is refused outside a transaction (25P01) and does nothing inside one. `query` sends the text as it
 * is, in one round trip.
 */
export async function acceptsSavepoint(
  query: (sql: string) => PromiseLike<unknown>,
): Promise<boolean> {
  try {
    await query('savepoint acme_probe; release savepoint acme_probe');
    return true;
  } catch (error) {
    if (sqlStateOf(error) === '25P01') return false;
    throw error;
  }
}
