import * as api from '@acme/nest-transaction';
import * as testing from '@acme/nest-transaction/testing';
import { expect, it } from 'vitest';

it('exports these names, and no others', () => {
  expect(Object.keys(api).sort()).toMatchInlineSnapshot(`
    [
      "DEFAULT_TRANSACTIONS",
      "InjectTransactions",
      "TransactionAbortedError",
      "TransactionConfigurationError",
      "TransactionEndedError",
      "TransactionError",
      "TransactionIsolationConflictError",
      "TransactionModule",
      "TransactionOutcomeUnknownError",
      "TransactionRequiredError",
      "TransactionRollbackOnlyError",
      "TransactionUnsupportedError",
      "TransactionWorkPendingError",
      "Transactions",
      "UnknownHandleError",
      "abortedError",
      "fromDrizzle",
      "fromKnex",
      "fromKysely",
      "fromMariadb",
      "fromMikroOrm",
      "fromMysql2",
      "fromPg",
      "fromPglite",
      "fromPostgresJs",
      "fromPrisma",
      "fromSequelize",
      "fromTransactionHost",
      "fromTypeOrm",
      "getTransactionsToken",
      "isTransactionError",
      "mysqlErrnoOf",
      "sqlOf",
      "sqlStateOf",
      "transactionAware",
    ]
  `);
  expect(Object.keys(testing).sort()).toMatchInlineSnapshot(`
    [
      "prepareTransactionContract",
      "transactionContract",
    ]
  `);
});
