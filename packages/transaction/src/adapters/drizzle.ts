import { hasMethods, type KnownHandle } from '../known-handle.js';
import type { SqlDialect, SqlResult } from '../sql-executor.js';
import { toParams } from '../sql-params.js';
import type { TransactionAdapter } from '../transaction-adapter.js';
import { TransactionUnsupportedError } from '../transaction.errors.js';
import { assertMysqlOpen, mysql2Handle } from './mysql2.js';
import { assertPgOpen, type PgClientLike, pgHandle, probePostgres } from './pg.js';
import { pgliteHandle } from './pglite.js';
import { postgresJsHandle } from './postgres-js.js';

/** The part of a Drizzle database or transaction that is used. */
export interface DrizzleQueryableLike {
  execute(query: never): PromiseLike<unknown>;
}

/** The part of a Drizzle database that is used. */
export interface DrizzleLike<Tx extends DrizzleQueryableLike> {
  transaction<R>(
    work: (tx: Tx) => Promise<R>,
    options?: { isolationLevel: 'read committed' | 'repeatable read' | 'serializable' },
  ): Promise<R>;
}

/**
 * Transactions through Drizzle, on node-postgres, postgres.js, PGlite or mysql2. User code reaches Drizzle's
 * transaction with `transactions.current<Tx>()`, or injects `transactionAware(transactions, db)` and writes
 * `db.insert(…)` as ever. On node-postgres give the pool's connections an `error` listener
 * (`pool.on('connect', (client) => client.on('error', …))`): Drizzle has none, and a connection that dies inside a
 * transaction would end the process.
 */
export function fromDrizzle<Tx extends DrizzleQueryableLike = DrizzleQueryableLike>(
  db: DrizzleLike<Tx>,
): TransactionAdapter<Tx> {
  return {
    library: 'Drizzle',
    dialect: dialectOf(db),
    transaction: (work, { isolation }) =>
      isolation ? db.transaction(work, { isolationLevel: isolation }) : db.transaction(work),
    beforeCommit: drizzleHandle.assertOpen,
    sql: drizzleHandle.executor,
  };
}

export const drizzleHandle: KnownHandle<DrizzleQueryableLike> = {
  accepts: 'a Drizzle database or transaction',
  recognise: (handle) =>
    hasMethods(handle, 'execute', 'transaction', 'select') && kindOf(handle) !== undefined,
  inTransaction: (handle) => hasMethods(handle, 'rollback') && isOpen(clientOf(handle)),
  executor: (handle) => {
    const dialect = dialectOf(handle);
    return {
      dialect,
      query: async <Row>(sql: string, params?: readonly unknown[]) => {
        const text = { sql, params: toParams(params, dialect) };
        // Drizzle takes anything that can turn itself into text and parameters; its own `sql` tag is one such thing.
        const query = { getSQL: () => query, toQuery: () => text };
        return toResult<Row>(await handle.execute(query as never));
      },
    };
  },
  assertOpen: async (handle) => {
    const client = clientOf(handle);
    if (dialectOf(handle) === 'mysql') await assertMysqlOpen('Drizzle', client);
    else if (hasMethods(client, 'getTransactionStatus'))
      await assertPgOpen('Drizzle', client as PgClientLike);
    else await probePostgres('Drizzle', (sql) => drizzleHandle.executor(handle).query(sql));
  },
};

/** Each driver has its own shape of result, and Drizzle hands it through. */
function toResult<Row>(result: unknown): SqlResult<Row> {
  if (Array.isArray(result) && 'count' in result) {
    return {
      rows: [...result] as Row[],
      rowCount: (result.count as number | null) ?? result.length,
    };
  }
  if (Array.isArray(result)) {
    const [first] = result as [Row[] | { affectedRows: number }];
    if (Array.isArray(first)) return { rows: first, rowCount: first.length };
    return { rows: [], rowCount: first.affectedRows };
  }
  const {
    rows,
    rowCount,
    affectedRows = 0,
  } = result as {
    rows: Row[];
    rowCount?: number | null;
    affectedRows?: number;
  };
  return { rows, rowCount: rowCount ?? Math.max(rows.length, affectedRows) };
}

const DRIVERS: readonly KnownHandle<never>[] = [
  postgresJsHandle,
  pgliteHandle,
  pgHandle,
  mysql2Handle,
];

/** Drizzle's own object knows nothing of its end; the driver's handle inside it does, or its server. */
function isOpen(client: object): ReturnType<KnownHandle['inTransaction']> {
  const driver = DRIVERS.find(({ recognise }) => recognise(client));
  return driver ? driver.inTransaction(client as never) : true;
}

function clientOf(handle: object): object {
  const { session } = handle as { session?: { client?: object } };
  return session?.client ?? {};
}

/** Drizzle marks its classes with this, for the same reason that we look for it: two copies of the package. */
const ENTITY_KIND = Symbol.for('drizzle:entityKind');

function kindOf(handle: object): string | undefined {
  const { dialect } = handle as { dialect?: object };
  return (dialect?.constructor as { [ENTITY_KIND]?: string } | undefined)?.[ENTITY_KIND];
}

function dialectOf(handle: object): SqlDialect {
  const kind = kindOf(handle);
  if (kind === 'PgDialect') return 'postgres';
  if (kind === 'MySqlDialect') return 'mysql';
  throw new TransactionUnsupportedError(
    `Drizzle with ${kind ?? 'an unknown dialect'} is not supported: use PostgreSQL, MySQL or MariaDB.`,
  );
}
