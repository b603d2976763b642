import { addressOf, testDatabase, testMariaDatabase } from '@acme/internal-testing';
import { MariaDbOutboxStore, PostgresOutboxStore } from '@acme/nest-outbox';
import { outboxStoreContract } from '@acme/nest-outbox/testing';
import {
  fromMariadb,
  fromMysql2,
  fromPg,
  sqlOf,
  type TransactionAdapter,
} from '@acme/nest-transaction';
import { itPasses } from '@acme/internal-testing/contracts';
import mariadb from 'mariadb';
import mysql2 from 'mysql2/promise';
import pg from 'pg';
import { afterAll, beforeAll, describe } from 'vitest';
import { storeFixture, type StoreDatabase } from '../support/store-fixture.js';

interface Opened {
  readonly pool: object & { end(): Promise<unknown> };
  readonly adapter: TransactionAdapter;
}

const onMariaDb = {
  store: (database, schema) => new MariaDbOutboxStore({ database, schema }),
  skipTo: (table, seq) => `alter table ${table} auto_increment = ${seq}`,
} satisfies Partial<StoreDatabase>;

const onPostgres = {
  store: (database, schema) => new PostgresOutboxStore({ database, schema }),
  skipTo: (table, seq) => `alter table ${table} alter column seq restart with ${seq}`,
} satisfies Partial<StoreDatabase>;

function mysql2Pool(uri: string, onOpen?: string): Opened {
  const pool = mysql2.createPool({ uri, connectionLimit: 10 });
  if (onOpen) pool.pool.on('connection', (connection) => void connection.query(onOpen));
  return { pool, adapter: fromMysql2(pool) as TransactionAdapter };
}

function mariadbPool(url: string): Opened {
  const { host, port, user, password, database } = addressOf(url);
  const pool = mariadb.createPool({ host, port, user, password, database, connectionLimit: 10 });
  return { pool, adapter: fromMariadb(pool) as TransactionAdapter };
}

describe.each<[string, (url: string) => Opened]>([
  ['mysql2', (url) => mysql2Pool(url)],
  ['mariadb', mariadbPool],
  // As it is by default from MariaDB 11.6 on; and as a service may have it.
  [
    'snapshot isolation, serializable, another time zone',
    (url) =>
      mysql2Pool(
        url,
        `set innodb_snapshot_isolation = on, tx_isolation = 'SERIALIZABLE', time_zone = '-11:00'`,
      ),
  ],
])('MariaDbOutboxStore, %s', (_, open) => {
  let database: StoreDatabase;
  const opened: Opened[] = [];
  beforeAll(async () => {
    const { url, database: name } = await testMariaDatabase();
    const [one, other] = [open(url), open(url)] as const;
    opened.push(one, other);
    database = {
      ...onMariaDb,
      name,
      adapter: one.adapter,
      one: sqlOf(one.pool),
      other: sqlOf(other.pool),
    };
  });
  afterAll(() => Promise.all(opened.map(({ pool }) => pool.end())));

  itPasses(outboxStoreContract(storeFixture(() => database)));
});

describe('PostgresOutboxStore, pg', () => {
  let database: StoreDatabase;
  let second: pg.Pool;
  beforeAll(async () => {
    const { url, schema: name, pool } = await testDatabase();
    second = new pg.Pool({ connectionString: url });
    const adapter = fromPg(pool) as TransactionAdapter;
    database = { ...onPostgres, name, adapter, one: sqlOf(pool), other: sqlOf(second) };
  });
  afterAll(() => second.end());

  itPasses(outboxStoreContract(storeFixture(() => database)));
});
