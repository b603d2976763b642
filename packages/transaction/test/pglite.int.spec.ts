import { PGlite, type Transaction } from '@electric-sql/pglite';
import { fromPglite, sqlOf } from '@acme/nest-transaction';
import { prepareTransactionContract } from '@acme/nest-transaction/testing';
import { describeLibrary } from './support/describe-contract.js';

describeLibrary<Transaction>(
  'PGlite',
  { dialect: 'postgres', singleConnection: true },
  async () => {
    const pglite = await PGlite.create();
    const outside = sqlOf(pglite);
    await prepareTransactionContract(outside);
    return {
      outside,
      poolSize: 1,
      adapter: fromPglite(pglite),
      client: pglite,
      insert: (tx, id) => tx.query('insert into contract_item (id) values ($1)', [id]),
      close: () => pglite.close(),
    };
  },
);
