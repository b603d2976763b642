import { fromMysql2 } from '@acme/nest-transaction';
import { createPool, type PoolConnection } from 'mysql2/promise';
import { describeMaria, POOL_SIZE } from './support/describe-contract.js';

describeMaria<PoolConnection>('mysql2', async ({ url }) => {
  const pool = createPool({ uri: url, connectionLimit: POOL_SIZE });
  return {
    adapter: fromMysql2(pool),
    client: pool,
    insert: (connection, id) => connection.query('insert into contract_item (id) values (?)', [id]),
    close: () => pool.end(),
  };
});
