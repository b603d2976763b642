import { fromPostgresJs } from '@acme/nest-transaction';
import postgres, { type TransactionSql } from 'postgres';
import { describePostgres, POOL_SIZE } from './support/describe-contract.js';

describePostgres<TransactionSql>(
  'postgres.js',
  async ({ url }) => {
    const sql = postgres(url, { max: POOL_SIZE, onnotice: () => undefined });
    return {
      adapter: fromPostgresJs(sql),
      client: sql,
      insert: (tx, id) => tx`insert into contract_item (id) values (${id})`,
      close: () => sql.end(),
    };
  },
  { outlivesLostConnection: false },
);
