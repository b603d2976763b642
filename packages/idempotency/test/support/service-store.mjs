// The stores that `service.mjs` can have, by name, and its effect: a row in a table of the test's database.
import { PostgresIdempotencyStore, RedisIdempotencyStore } from '@acme/nest-idempotency';
import { fromPg } from '@acme/nest-transaction';
import { Redis } from 'ioredis';
import pg from 'pg';
import { watchedPool } from './crash-points.mjs';

const { DATABASE, SCHEMA, REDIS, PREFIX } = process.env;

const pgPool = () => {
  const pool = new pg.Pool({ connectionString: DATABASE, max: 20 });
  pool.on('error', () => {});
  return pool;
};

const chargeByPg = (client, order) =>
  client.query('insert into charges (order_id) values ($1)', [order]);

const kinds = {
  'PostgreSQL transaction': () => {
    const pool = pgPool();
    return {
      store: new PostgresIdempotencyStore({ schema: SCHEMA }),
      adapter: fromPg(watchedPool(pool)),
      charge: (order, transactions) => chargeByPg(transactions.current(), order),
    };
  },
  'PostgreSQL lease': () => {
    const pool = pgPool();
    return {
      store: new PostgresIdempotencyStore({ schema: SCHEMA, database: pool }),
      charge: (order) => chargeByPg(pool, order),
    };
  },
  Redis: () => {
    const pool = pgPool();
    const client = new Redis(REDIS);
    client.on('error', () => {});
    return {
      store: new RedisIdempotencyStore(client, { prefix: PREFIX }),
      charge: (order) => chargeByPg(pool, order),
      /** A resource that takes no fence that is not newer than the last. */
      guarded: async (order, fence) => {
        const sql = `insert into guarded (order_id, fence) values ($1, $2)
          on conflict (order_id) do update set fence = excluded.fence where guarded.fence < excluded.fence`;
        return (await pool.query(sql, [order, fence])).rowCount === 1;
      },
    };
  },
  'MariaDB transaction': async () =>
    (await import('./service-store-mariadb.mjs')).mariaDbTransactions(),
  'MariaDB lease': async () => (await import('./service-store-mariadb.mjs')).mariaDbLeases(),
};

/** `{ store, charge, adapter? }`; with an adapter, it works in transactions. */
export const openStore = (kind) => kinds[kind]();
