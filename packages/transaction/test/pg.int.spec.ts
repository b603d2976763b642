import { fromPg } from '@acme/nest-transaction';
import { Pool, type PoolClient } from 'pg';
import { describePostgres, POOL_SIZE } from './support/describe-contract.js';

describePostgres<PoolClient>('pg', async ({ url }) => {
  const pool = new Pool({ connectionString: url, max: POOL_SIZE });
  return {
    adapter: fromPg(pool),
    client: pool,
    insert: (client, id) => client.query('insert into contract_item (id) values ($1)', [id]),
    close: () => pool.end(),
  };
});
