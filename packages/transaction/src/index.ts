export { TransactionModule } from './transaction.module.js';
export type { TransactionModuleExtras, TransactionModuleOptions } from './transaction.options.js';
export {
  DEFAULT_TRANSACTIONS,
  getTransactionsToken,
  InjectTransactions,
} from './transaction.tokens.js';
export { Transactions } from './transactions.js';
export type { RunOptions, SerializationRetry, TransactionsSettings } from './transactions.js';
export { transactionAware } from './transaction-aware.js';
export type {
  HandleOf,
  IsolationLevel,
  TransactionAdapter,
  TransactionOptions,
} from './transaction-adapter.js';
export type { SqlDialect, SqlExecutor, SqlResult } from './sql-executor.js';
export { sqlOf } from './sql-of.js';
export type { SqlOfOptions, TransactionHostLike } from './sql-of.js';
export { mysqlErrnoOf, sqlStateOf } from './sql-state.js';
export {
  abortedError,
  isTransactionError,
  TransactionAbortedError,
  TransactionConfigurationError,
  TransactionEndedError,
  TransactionError,
  TransactionIsolationConflictError,
  TransactionOutcomeUnknownError,
  TransactionRequiredError,
  TransactionRollbackOnlyError,
  TransactionUnsupportedError,
  TransactionWorkPendingError,
  UnknownHandleError,
} from './transaction.errors.js';
export type { TransactionErrorCode } from './transaction.errors.js';
export * from './adapters/index.js';
