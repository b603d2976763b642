import { hasMethods, type KnownHandle } from '../known-handle.js';
import type { SqlDialect, SqlResult } from '../sql-executor.js';
import { toParams } from '../sql-params.js';
import type { IsolationLevel, TransactionAdapter } from '../transaction-adapter.js';
import { TransactionUnsupportedError } from '../transaction.errors.js';
import { assertMysqlOpen } from './mysql2.js';
import { assertPgOpen, type PgClientLike } from './pg.js';

/** The part of a `Knex` or its `Transaction` that is used. */
export interface KnexQueryableLike {
  readonly client: unknown;
  readonly isTransaction?: boolean;
  isCompleted?(): boolean;
}

/** The part of a `Knex` that is used. */
export interface KnexLike<Tx extends KnexQueryableLike> extends KnexQueryableLike {
  transaction<R>(
    work: (trx: Tx) => Promise<R>,
    options?: { isolationLevel?: IsolationLevel },
  ): Promise<R>;
}

/** Knex's client: what a `Knex` and each of its transactions run their statements through. */
interface KnexClient {
  readonly dialect: string;
  acquireConnection(): Promise<object>;
  releaseConnection(connection: object): Promise<void>;
  query(
    connection: object,
    query: { sql: string; bindings: unknown[] },
  ): Promise<{ response: unknown }>;
}

/**
 * Transactions through Knex, on PostgreSQL, MySQL or MariaDB. User code reaches the `Knex.Transaction` with
 * `transactions.current<Knex.Transaction>()`, or injects `transactionAware(transactions, knex)` and writes
 * `knex('orders')` as ever.
 */
export function fromKnex<Tx extends KnexQueryableLike = KnexQueryableLike>(
  knex: KnexLike<Tx>,
): TransactionAdapter<Tx> {
  return {
    library: 'Knex',
    dialect: dialectOf(knex),
    transaction: (work, { isolation }) =>
      isolation ? knex.transaction(work, { isolationLevel: isolation }) : knex.transaction(work),
    beforeCommit: knexHandle.assertOpen,
    sql: knexHandle.executor,
  };
}

export const knexHandle: KnownHandle<KnexQueryableLike> = {
  accepts: 'a Knex or its Transaction',
  recognise: (handle) => typeof handle === 'function' && hasMethods(handle, 'raw', 'transaction'),
  inTransaction: (handle) => handle.isTransaction === true && !handle.isCompleted?.(),
  executor: (handle) => {
    const dialect = dialectOf(handle);
    return {
      dialect,
      query: <Row>(sql: string, params?: readonly unknown[]) =>
        // Not knex.raw(): `postProcessResponse` may rename columns, which would break whoever reads these rows.
        withConnection(handle, async (connection, client) => {
          const { response } = await client.query(connection, {
            sql: dialect === 'postgres' ? escapeQuestionMarks(sql) : sql,
            bindings: toParams(params, dialect),
          });
          return toResult<Row>(response);
        }),
    };
  },
  assertOpen: (handle) =>
    withConnection(handle, async (connection) => {
      if (dialectOf(handle) === 'mysql') await assertMysqlOpen('Knex', connection);
      else await assertPgOpen('Knex', connection as PgClientLike);
    }),
};

/** Inside a transaction this is its own connection, and giving it back does nothing. */
async function withConnection<R>(
  handle: KnexQueryableLike,
  use: (connection: object, client: KnexClient) => Promise<R>,
): Promise<R> {
  const client = handle.client as KnexClient;
  const connection = await client.acquireConnection();
  try {
    return await use(connection, client);
  } finally {
    await client.releaseConnection(connection);
  }
}

/** Knex makes `$1` out of every `?`, those of operators and literals included; with a backslash it stays. */
const escapeQuestionMarks = (sql: string): string => sql.replaceAll('?', '\\?');

function toResult<Row>(response: unknown): SqlResult<Row> {
  if (!Array.isArray(response)) {
    const { rows, rowCount } = response as { rows: Row[]; rowCount: number | null };
    return { rows, rowCount: rowCount ?? rows.length };
  }
  const [first] = response as [Row[] | { affectedRows: number }];
  if (Array.isArray(first)) return { rows: first, rowCount: first.length };
  return { rows: [], rowCount: first.affectedRows };
}

function dialectOf({ client }: KnexQueryableLike): SqlDialect {
  const { dialect } = client as KnexClient;
  if (dialect === 'postgresql') return 'postgres';
  if (dialect === 'mysql') return 'mysql';
  throw new TransactionUnsupportedError(
    `Knex with "${dialect}" is not supported: use the client pg or mysql2.`,
  );
}
