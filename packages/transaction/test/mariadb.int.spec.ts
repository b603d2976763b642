import { fromMariadb } from '@acme/nest-transaction';
import { createPool, type PoolConnection } from 'mariadb';
import { describeMaria, POOL_SIZE } from './support/describe-contract.js';

describeMaria<PoolConnection>('mariadb', async ({ host, port, user, password, database }) => {
  const pool = createPool({ host, port, user, password, database, connectionLimit: POOL_SIZE });
  return {
    adapter: fromMariadb(pool),
    client: pool,
    insert: (connection, id) => connection.query('insert into contract_item (id) values (?)', [id]),
    close: () => pool.end(),
  };
});
