const BRAND = Symbol.for('@acme/nest-transaction:error');

/** Stable codes of everything this package throws by itself. */
export type TransactionErrorCode =
  | 'TRANSACTION_REQUIRED'
  | 'TRANSACTION_ENDED'
  | 'TRANSACTION_ROLLBACK_ONLY'
  | 'TRANSACTION_ABORTED'
  | 'TRANSACTION_WORK_PENDING'
  | 'TRANSACTION_ISOLATION_CONFLICT'
  | 'TRANSACTION_OUTCOME_UNKNOWN'
  | 'TRANSACTION_UNSUPPORTED'
  | 'TRANSACTION_HANDLE_UNKNOWN'
  | 'TRANSACTION_CONFIGURATION';

/** Base of this package's errors. Errors of the database and of user code are never wrapped in one, but see `cause`. */
export abstract class TransactionError extends Error {
  abstract readonly code: TransactionErrorCode;
  readonly [BRAND] = true;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** True for an error of this package, also of another installed copy of it; `code` narrows it to one kind. */
export function isTransactionError(error: unknown, code?: TransactionErrorCode): boolean {
  if (typeof error !== 'object' || error === null || !(BRAND in error)) return false;
  return code === undefined || (error as Partial<TransactionError>).code === code;
}

/** Something that belongs into a transaction was asked for outside one. Nothing was written. */
export class TransactionRequiredError extends TransactionError {
  readonly code = 'TRANSACTION_REQUIRED';
}

/** The transaction had already ended: work was not awaited, or the handle was kept. The late work was not done. */
export class TransactionEndedError extends TransactionError {
  readonly code = 'TRANSACTION_ENDED';
}

/** A joined inner `run` failed and its error was swallowed, so everything was rolled back. The inner error is the `cause`. */
export class TransactionRollbackOnlyError extends TransactionError {
  readonly code = 'TRANSACTION_ROLLBACK_ONLY';
}

/** Before the commit, the transaction was no longer open: a statement had failed and its error was swallowed. */
export class TransactionAbortedError extends TransactionError {
  readonly code = 'TRANSACTION_ABORTED';
}

/** The function returned while a joined inner `run` was still at work. Half of it would have been committed: rolled back. */
export class TransactionWorkPendingError extends TransactionError {
  readonly code = 'TRANSACTION_WORK_PENDING';
}

/** An inner `run` asked for another isolation level than the open transaction has. */
export class TransactionIsolationConflictError extends TransactionError {
  readonly code = 'TRANSACTION_ISOLATION_CONFLICT';
}

/**
 * The connection was lost while the commit was under way: the transaction may or may not have been committed. The
 * driver's error is the `cause`. Repeat the work only if repeating is harmless; a claim made in the same transaction
 * (`@Idempotent()`) makes it so.
 */
export class TransactionOutcomeUnknownError extends TransactionError {
  readonly code = 'TRANSACTION_OUTCOME_UNKNOWN';
}

/** What was asked for cannot be done with this library or in this kind of transaction. */
export class TransactionUnsupportedError extends TransactionError {
  readonly code = 'TRANSACTION_UNSUPPORTED';
}

/** The handle given to `sqlOf()` is none that this package knows. */
export class UnknownHandleError extends TransactionError {
  readonly code = 'TRANSACTION_HANDLE_UNKNOWN';
}

/** `TransactionModule` was configured wrongly. The message lists every problem with its remedy. */
export class TransactionConfigurationError extends TransactionError {
  readonly code = 'TRANSACTION_CONFIGURATION';

  constructor(readonly problems: readonly string[]) {
    super(`TransactionModule is not configured correctly:\n- ${problems.join('\n- ')}`);
  }
}

/** For an adapter: the error of a transaction that the database had given up before the commit. */
export function abortedError(library: string): TransactionAbortedError {
  return new TransactionAbortedError(
    `The ${library} transaction was no longer open when it should have been committed: a statement failed and its error was swallowed, or the code ended the transaction by itself. Let the error through, or guard the statement with a savepoint.`,
  );
}
