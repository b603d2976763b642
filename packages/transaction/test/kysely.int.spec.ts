import { fromKysely } from '@acme/nest-transaction';
import { CamelCasePlugin, Kysely, PostgresDialect, type Transaction } from 'kysely';
import { Pool } from 'pg';
import { describePostgres, POOL_SIZE } from './support/describe-contract.js';

interface Database {
  contractItem: { id: string };
}

describePostgres<Transaction<Database>>('Kysely', async ({ url }) => {
  const pool = new Pool({ connectionString: url, max: POOL_SIZE });
  // What the adapter's documentation asks for.
  pool.on('connect', (client) => client.on('error', () => undefined));
  const db = new Kysely<Database>({
    dialect: new PostgresDialect({ pool }),
    // Renames columns, also in what raw statements return: the executor must not go through it.
    plugins: [new CamelCasePlugin()],
  });
  return {
    adapter: fromKysely(db),
    client: db,
    insert: (trx, id) => trx.insertInto('contractItem').values({ id }).execute(),
    close: () => db.destroy(),
  };
});
