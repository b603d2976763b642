import { testDatabase } from '@acme/internal-testing';
import { fromPg, Transactions } from '@acme/nest-transaction';
import { Pool, type PoolClient } from 'pg';
import { expect, it } from 'vitest';
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

it('gives the answer of an opening statement to the run that opens the transaction, and to no other', async () => {
  const { pool } = await testDatabase();
  const settings = { name: 'default', adapter: fromPg(pool), onCallbackError: () => undefined };
  const transactions = new Transactions(settings);
  const answers = await transactions.run(
    async (opened) => [
      opened,
      await transactions.run(async (joined) => joined, { opening: 'select 2 as two' }),
      await transactions.run(async (none) => none, { requiresNew: true }),
    ],
    { opening: 'select 1 as one', isolation: 'serializable' },
  );
  expect(answers).toEqual([{ rows: [{ one: 1 }], rowCount: 1 }, undefined, undefined]);
});
