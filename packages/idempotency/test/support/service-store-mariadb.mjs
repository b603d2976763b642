// MariaDB for `service.mjs`, loaded only where it is asked for.
import { MariaDbIdempotencyStore } from '@acme/nest-idempotency';
import { fromMysql2 } from '@acme/nest-transaction';
import { createPool } from 'mysql2/promise';
import { watchedMysqlPool } from './crash-points.mjs';

const openPool = () => createPool({ uri: process.env.MYSQL, connectionLimit: 20 });
const insert = (client, order) =>
  client.query('insert into charges (order_id) values (?)', [order]);

export function mariaDbTransactions() {
  const pool = openPool();
  return {
    store: new MariaDbIdempotencyStore(),
    adapter: fromMysql2(watchedMysqlPool(pool)),
    charge: (order, transactions) => insert(transactions.current(), order),
  };
}

export function mariaDbLeases() {
  const pool = openPool();
  return {
    store: new MariaDbIdempotencyStore({ database: pool }),
    charge: (order) => insert(pool, order),
  };
}
