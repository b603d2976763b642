import 'reflect-metadata';
import { testMariaDatabase } from '@acme/internal-testing';
import { MariaDbIdempotencyStore } from '@acme/nest-idempotency';
import {
  sqlStoreContract,
  storeContract,
  type SqlStoreContractFixture,
  type StoreContractFixture,
} from '@acme/nest-idempotency/testing';
import { fromMariadb, fromMysql2, type TransactionAdapter } from '@acme/nest-transaction';
import { itPasses } from '@acme/internal-testing/contracts';
import mysql2 from 'mysql2/promise';
import { afterAll, beforeAll, describe } from 'vitest';
import { mariadbPool } from './support/maria.js';

interface Driver {
  open(url: string): {
    readonly pool: { end(): Promise<void> };
    readonly adapter: TransactionAdapter;
  };
}

const mysql2Driver: Driver = {
  open: (uri) => {
    const pool = mysql2.createPool({ uri, connectionLimit: 10 });
    return { pool, adapter: fromMysql2(pool) as TransactionAdapter };
  },
};

/** As it is by default from MariaDB 11.6 on. */
const snapshotDriver: Driver = {
  open: (uri) => {
    const pool = mysql2.createPool({ uri, connectionLimit: 10 });
    pool.pool.on('connection', (connection) => {
      connection.query('set session innodb_snapshot_isolation = on');
    });
    return { pool, adapter: fromMysql2(pool) as TransactionAdapter };
  },
};

const mariadbDriver: Driver = {
  open: (url) => {
    const pool = mariadbPool(url);
    return { pool, adapter: fromMariadb(pool) as TransactionAdapter };
  },
};

describe.each([
  ['mysql2', mysql2Driver],
  ['mysql2, innodb_snapshot_isolation on', snapshotDriver],
  ['mariadb', mariadbDriver],
])('MariaDbIdempotencyStore, %s', (_, driver) => {
  let fixture: StoreContractFixture & SqlStoreContractFixture;
  const pools: { end(): Promise<void> }[] = [];

  beforeAll(async () => {
    const { url } = await testMariaDatabase();
    const [one, other] = [driver.open(url), driver.open(url)];
    pools.push(one.pool, other.pool);
    const store = new MariaDbIdempotencyStore({ database: one.pool });
    await store.migrate();
    fixture = {
      store,
      other: new MariaDbIdempotencyStore({ database: other.pool }),
      transaction: (work, isolation) =>
        other.adapter.transaction((handle) => work(other.adapter.sql(handle)), { isolation }),
    };
  });
  afterAll(() => Promise.all(pools.map((pool) => pool.end())));

  itPasses(storeContract(() => fixture));
  itPasses(sqlStoreContract(() => fixture));
});
