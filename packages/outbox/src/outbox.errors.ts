const BRAND = Symbol.for('@acme/nest-outbox:error');

/** Stable codes of everything this package throws by itself. */
export type OutboxErrorCode =
  | 'OUTBOX_TRANSACTION_REQUIRED'
  | 'OUTBOX_WORKER_ONLY'
  | 'OUTBOX_MESSAGE_INVALID'
  | 'OUTBOX_CONFIGURATION'
  | 'OUTBOX_SCHEMA'
  | 'OUTBOX_RELAY_RUNNING'
  | 'OUTBOX_STORE_TIMEOUT'
  | 'OUTBOX_UNSUPPORTED';

/** Base of this package's errors. Errors of the database and of the broker's client are never wrapped, but see `cause`. */
export abstract class OutboxError extends Error {
  abstract readonly code: OutboxErrorCode;
  readonly [BRAND] = true;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** True for an error of this package, also of another installed copy of it; `code` narrows it to one kind. */
export function isOutboxError(error: unknown, code?: OutboxErrorCode): boolean {
  if (typeof error !== 'object' || error === null || !(BRAND in error)) return false;
  return code === undefined || (error as Partial<OutboxError>).code === code;
}

/** `add()` was called outside a transaction. Nothing was written: without one the event could leave though the work is lost. */
export class OutboxTransactionRequiredError extends OutboxError {
  readonly code = 'OUTBOX_TRANSACTION_REQUIRED';
}

/** `add()` was called in a process that only publishes (`relay.mode: 'worker'`). Nothing was written. */
export class OutboxWorkerOnlyError extends OutboxError {
  readonly code = 'OUTBOX_WORKER_ONLY';
}

/** A message given to `add()` can never be published. Nothing was written; every wrong message is listed. */
export class OutboxMessageInvalidError extends OutboxError {
  readonly code = 'OUTBOX_MESSAGE_INVALID';

  constructor(
    readonly problems: readonly string[],
    options?: ErrorOptions,
  ) {
    super(
      `Nothing was written, for these messages cannot be published:\n- ${problems.join('\n- ')}`,
      options,
    );
  }
}

/** `OutboxModule`, or a decorator, was configured wrongly. The message lists every problem with its remedy. */
export class OutboxConfigurationError extends OutboxError {
  readonly code = 'OUTBOX_CONFIGURATION';

  constructor(
    readonly problems: readonly string[],
    where = 'OutboxModule',
  ) {
    super(`${where} is not configured correctly:\n- ${problems.join('\n- ')}`);
  }
}

/** The tables in the database are not those that this version needs, or cannot be used: the `cause` is what the database said. */
export class OutboxSchemaError extends OutboxError {
  readonly code = 'OUTBOX_SCHEMA';
}

/** `runOnce()` was called while the relay runs: the two would fight over the lanes. */
export class OutboxRelayRunningError extends OutboxError {
  readonly code = 'OUTBOX_RELAY_RUNNING';
}

/** The database did not answer a statement of the relay; it is treated as down. */
export class OutboxStoreTimeoutError extends OutboxError {
  readonly code = 'OUTBOX_STORE_TIMEOUT';
}

/** A stand-in (`OutboxClientProxy`, `OutboxAmqpConnection`) was asked for what no outbox can do, such as a request. */
export class OutboxUnsupportedError extends OutboxError {
  readonly code = 'OUTBOX_UNSUPPORTED';
}
