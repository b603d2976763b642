import { hasMethods, type KnownHandle } from '../known-handle.js';
import { toParams } from '../sql-params.js';
import type { TransactionAdapter, TransactionOptions } from '../transaction-adapter.js';
import { acceptsSavepoint } from './pg.js';

/** The part of a postgres.js `Sql` or `TransactionSql` that is used. */
export interface PostgresJsQueryableLike {
  unsafe(sql: string, params?: never[]): PromiseLike<unknown[] & { count: number | null }>;
  typed(value: never, type: number): unknown;
  /** On a transaction only. */
  savepoint?: unknown;
}

/** The part of a postgres.js `Sql` that is used. */
export interface PostgresJsLike<
  Tx extends PostgresJsQueryableLike,
> extends PostgresJsQueryableLike {
  begin(options: string, work: (sql: Tx) => unknown): Promise<unknown>;
}

/**
 * Transactions through `postgres` (postgres.js). User code reaches the `TransactionSql` with
 * `transactions.current<TransactionSql>()`, or injects `transactionAware(transactions, sql)` and writes
 * ``sql`…` `` as ever. A statement that failed makes the commit fail with its error, also when it was swallowed.
 */
export function fromPostgresJs<Tx extends PostgresJsQueryableLike = PostgresJsQueryableLike>(
  sql: PostgresJsLike<Tx>,
): TransactionAdapter<Tx> {
  return {
    library: 'postgres.js',
    dialect: 'postgres',
    transaction: async <R>(work: (tx: Tx) => Promise<R>, { isolation }: TransactionOptions) =>
      (await sql.begin(isolation ? `isolation level ${isolation}` : '', work)) as R,
    sql: postgresJsHandle.executor,
  };
}

/** `unknown`: the server infers the type, and postgres.js leaves the text alone. */
const UNKNOWN_OID = 705;

export const postgresJsHandle: KnownHandle<PostgresJsQueryableLike> = {
  accepts: 'a postgres.js Sql or TransactionSql',
  recognise: (handle) => hasMethods(handle, 'unsafe', 'typed'),
  // A handle that is kept runs its statements on the same connection after the end, and does not tell.
  inTransaction: (sql) =>
    typeof sql.savepoint === 'function' && (() => acceptsSavepoint((text) => sql.unsafe(text))),
  executor: (sql) => ({
    dialect: 'postgres',
    query: async <Row>(text: string, params?: readonly unknown[]) => {
      // Left to itself, postgres.js asks the server for the type and then quotes a string as JSON where `$1::jsonb`
      // stands, so that text which is JSON already becomes a JSON string.
      const values = toParams(params, 'postgres').map((value) =>
        typeof value === 'string' ? sql.typed(value as never, UNKNOWN_OID) : value,
      );
      const rows = await sql.unsafe(text, values as never[]);
      return { rows: [...rows] as Row[], rowCount: rows.count ?? rows.length };
    },
  }),
  // postgres.js rejects by itself when a statement of the transaction has failed.
  assertOpen: async () => undefined,
};
