import { fromDrizzle } from '@acme/nest-transaction';
import { drizzle as drizzleMysql } from 'drizzle-orm/mysql2';
import { mysqlTable, varchar as mysqlVarchar } from 'drizzle-orm/mysql-core';
import { drizzle as drizzlePg } from 'drizzle-orm/node-postgres';
import { drizzle as drizzlePostgresJs } from 'drizzle-orm/postgres-js';
import { pgTable, varchar } from 'drizzle-orm/pg-core';
import { createPool } from 'mysql2/promise';
import { Pool } from 'pg';
import postgres from 'postgres';
import { describeMaria, describePostgres, POOL_SIZE } from './support/describe-contract.js';

const item = pgTable('contract_item', { id: varchar({ length: 100 }).primaryKey() });

type Tx<Db extends { transaction(work: never): unknown }> = Parameters<
  Parameters<Db['transaction']>[0]
>[0];

describePostgres<Tx<ReturnType<typeof drizzlePg>>>('Drizzle on pg', async ({ url }) => {
  const pool = new Pool({ connectionString: url, max: POOL_SIZE });
  // What the adapter's documentation asks for.
  pool.on('connect', (client) => client.on('error', () => undefined));
  const db = drizzlePg(pool);
  return {
    adapter: fromDrizzle(db),
    client: db,
    insert: (tx, id) => tx.insert(item).values({ id }),
    close: () => pool.end(),
  };
});

describePostgres<Tx<ReturnType<typeof drizzlePostgresJs>>>(
  'Drizzle on postgres.js',
  async ({ url }) => {
    const sql = postgres(url, { max: POOL_SIZE, onnotice: () => undefined });
    const db = drizzlePostgresJs(sql);
    return {
      adapter: fromDrizzle(db),
      client: db,
      insert: (tx, id) => tx.insert(item).values({ id }),
      close: () => sql.end(),
    };
  },
  { outlivesLostConnection: false },
);

const mysqlItem = mysqlTable('contract_item', { id: mysqlVarchar({ length: 100 }).primaryKey() });

describeMaria<Tx<ReturnType<typeof drizzleMysql>>>('Drizzle on mysql2', async ({ url }) => {
  const pool = createPool({ uri: url, connectionLimit: POOL_SIZE });
  const db = drizzleMysql(pool);
  return {
    adapter: fromDrizzle(db),
    client: db,
    insert: (tx, id) => tx.insert(mysqlItem).values({ id }),
    close: () => pool.end(),
  };
});
