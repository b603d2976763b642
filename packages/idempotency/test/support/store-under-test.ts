import { testDatabase, testMariaDatabase, testRedis } from '@acme/internal-testing';
import type { RowDataPacket } from 'mysql2/promise';
import { chargesOf, createCharges } from './ledger.js';

/** Where a store of `service.mjs` is, and how its effects are counted there. */
export interface StoreUnderTest {
  readonly env: Readonly<Record<string, string>>;
  charges(order: string): Promise<number>;
}

/** For the stores in PostgreSQL and Redis: the effects are in PostgreSQL. */
export async function openPostgresAndRedis(): Promise<StoreUnderTest> {
  const [database, redis] = await Promise.all([testDatabase(), testRedis()]);
  await createCharges(database);
  return {
    env: {
      DATABASE: database.url,
      SCHEMA: database.schema,
      REDIS: redis.url,
      PREFIX: redis.prefix,
    },
    charges: (order) => chargesOf(database, order),
  };
}

export async function openMariaDb(): Promise<StoreUnderTest> {
  const { url, pool } = await testMariaDatabase();
  await pool.query(
    'create table charges (id integer auto_increment primary key, order_id varchar(36) not null)',
  );
  return {
    env: { MYSQL: url },
    charges: async (order) => {
      const sql = 'select count(*) as count from charges where order_id = ?';
      const [rows] = await pool.query<RowDataPacket[]>(sql, [order]);
      return Number(rows[0]!['count']);
    },
  };
}
