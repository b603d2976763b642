import { fromKnex } from '@acme/nest-transaction';
import knexFactory, { type Knex } from 'knex';
import { describeMaria, describePostgres, POOL_SIZE } from './support/describe-contract.js';

const insert = (trx: Knex.Transaction, id: string) => trx('contract_item').insert({ id });

const shared = {
  pool: { min: 0, max: POOL_SIZE },
  // Renames what raw statements return as well: the executor must not go through it.
  postProcessResponse: () => 'not what the driver said',
};

describePostgres<Knex.Transaction>('Knex on pg', async ({ url }) => {
  const knex = knexFactory({ client: 'pg', connection: { connectionString: url }, ...shared });
  return { adapter: fromKnex(knex), client: knex, insert, close: () => knex.destroy() };
});

describeMaria<Knex.Transaction>(
  'Knex on mysql2',
  async ({ host, port, user, password, database }) => {
    const connection = { host, port, user, password, database };
    const knex = knexFactory({ client: 'mysql2', connection, ...shared });
    return { adapter: fromKnex(knex), client: knex, insert, close: () => knex.destroy() };
  },
);
