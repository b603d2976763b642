import { testDatabase, testMariaDatabase } from '@acme/internal-testing';
import { MariaDbOutboxStore, PostgresOutboxStore, type OutboxStore } from '@acme/nest-outbox';
import { fromMysql2, fromPg, sqlOf, type TransactionAdapter } from '@acme/nest-transaction';
import { createPool, type Pool as MysqlPool } from 'mysql2/promise';
import pg from 'pg';

/** A connection of the driver's own. */
interface DriverConnection {
  readonly handle: unknown;
  query(sql: string): Promise<unknown>;
  release(): void;
}

/** A database with nothing in it, and what differs between the kinds of them. */
export interface OutboxDatabase<Pool = unknown> {
  readonly url: string;
  readonly pool: Pool;
  readonly adapter: TransactionAdapter;
  /** Rows of a statement that both databases understand; cast what is counted to int. */
  query<Row = Record<string, unknown>>(sql: string): Promise<Row[]>;
  /** So many milliseconds, as SQL. */
  interval(ms: number): string;
  /** A store on that pool; the database's own by default. */
  store(pool?: unknown): OutboxStore;
  connect(): Promise<DriverConnection>;
  /** A pool of the same kind that connects elsewhere. */
  poolAt(url: string): { end(): Promise<void> };
}

/** In a server that others use as well. */
export interface OwnOutboxDatabase<Pool = unknown> extends OutboxDatabase<Pool> {
  /** Ends the pool and drops the database; done at the end of the spec file if not before. */
  close(): Promise<void>;
}

/** With what only PostgreSQL has. */
export interface PostgresOutboxDatabase extends OwnOutboxDatabase<pg.Pool> {
  readonly schema: string;
}

export async function onPostgres(): Promise<PostgresOutboxDatabase> {
  const { url, pool, schema, close } = await testDatabase();
  return { ...postgresAt(url, pool), schema, close };
}

/** The same on a server of the test's own; the pool is the caller's to end. */
export function postgresAt(url: string, pool: pg.Pool): OutboxDatabase<pg.Pool> {
  return {
    url,
    pool,
    adapter: fromPg(pool) as TransactionAdapter,
    query: queryOn(pool),
    interval: (ms) => `interval '${ms} milliseconds'`,
    store: (database = pool) => new PostgresOutboxStore({ database }),
    connect: async () => {
      const client = await pool.connect();
      return {
        handle: client,
        query: (sql) => client.query(sql),
        release: () => client.release(),
      };
    },
    poolAt: (connectionString) => {
      const elsewhere = new pg.Pool({ connectionString, max: 4 });
      elsewhere.on('error', () => {});
      return elsewhere;
    },
  };
}

export async function onMariaDb(): Promise<OwnOutboxDatabase<MysqlPool>> {
  const { url, pool, close } = await testMariaDatabase();
  return { ...mariaDbAt(url, pool), close };
}

/** The same on a server of the test's own; the pool is the caller's to end. */
export function mariaDbAt(url: string, pool: MysqlPool): OutboxDatabase<MysqlPool> {
  return {
    url,
    pool,
    adapter: fromMysql2(pool) as TransactionAdapter,
    query: queryOn(pool),
    interval: (ms) => `interval ${ms * 1_000} microsecond`,
    store: (database = pool) => new MariaDbOutboxStore({ database }),
    connect: async () => {
      const connection = await pool.getConnection();
      return {
        handle: connection,
        query: (sql) => connection.query(sql),
        release: () => connection.release(),
      };
    },
    poolAt: (uri) => createPool({ uri, connectionLimit: 4 }),
  };
}

/** For `describe.each`. */
export const OUTBOX_DATABASES: readonly (readonly [string, () => Promise<OwnOutboxDatabase>])[] = [
  ['PostgreSQL', onPostgres],
  ['MariaDB', onMariaDb],
];

/** For what depends on the broker rather than on the database: the second one only with `CHAOS=full`. */
export const OUTBOX_DATABASES_OF_BROKER_TESTS =
  process.env['CHAOS'] === 'full' ? OUTBOX_DATABASES : OUTBOX_DATABASES.slice(0, 1);

const queryOn =
  (pool: object) =>
  async <Row>(sql: string): Promise<Row[]> =>
    (await sqlOf(pool).query<Row>(sql)).rows;

/** What a column of JSON holds: one driver parses it, the other gives the text. */
export const parsed = (value: unknown): unknown =>
  typeof value === 'string' ? (JSON.parse(value) as unknown) : value;
