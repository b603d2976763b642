import type { SqlExecutor, Transactions } from '@acme/nest-transaction';

/** Statements that are committed each by itself, whatever transaction the calling code is in. */
export function autocommitted(transactions: Transactions): SqlExecutor {
  return {
    dialect: transactions.dialect,
    query: (sql, params) =>
      transactions.outside(() => transactions.run(() => transactions.sql().query(sql, params))),
  };
}
