import { HttpException } from '@nestjs/common';
import { SIGNAL, STATUS, type ErrorStatus, type SettleDecision } from '@acme/nest-message-context';
import { textOf } from './core/text-of.js';

const BRAND = Symbol.for('@acme/nest-idempotency:error');

/** Stable codes of everything this package throws; the first five are those of the official package. */
export type IdempotencyErrorCode =
  | 'IDEMPOTENCY_KEY_REQUIRED'
  | 'IDEMPOTENCY_KEY_INVALID'
  | 'IDEMPOTENCY_KEY_IN_USE'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'IDEMPOTENCY_RECORD_UNREADABLE'
  | 'IDEMPOTENCY_PRINCIPAL_REQUIRED'
  | 'IDEMPOTENCY_STORE_UNAVAILABLE'
  | 'IDEMPOTENCY_LEASE_LOST'
  | 'IDEMPOTENCY_STREAM_UNSUPPORTED'
  | 'IDEMPOTENCY_RESULT_NOT_PLAIN'
  | 'IDEMPOTENCY_REPLY_NOT_KEPT'
  | 'IDEMPOTENCY_ATTEMPTS_EXHAUSTED'
  | 'IDEMPOTENCY_CONFIGURATION'
  | 'TRANSACTION_UNUSED';

interface Answer {
  readonly http: number;
  readonly grpc: number;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
  /** What becomes of an event; left out where its HTTP status says it. */
  readonly decision?: SettleDecision | undefined;
}

/**
 * Base of what a protected call may be refused with. An `HttpException`, so that Nest answers HTTP by itself and the
 * exception filters an application has apply; other transports answer by the status it carries, and a delivery is settled
 * by the decision it carries.
 */
export abstract class IdempotencyError extends HttpException {
  abstract readonly code: IdempotencyErrorCode;
  readonly [BRAND] = true;
  readonly [STATUS]: ErrorStatus;
  readonly [SIGNAL]: SettleDecision | undefined;

  protected constructor(code: IdempotencyErrorCode, message: string, answer: Answer) {
    const { http, grpc, retryAfterMs, decision, cause } = answer;
    super({ statusCode: http, code, message }, http, { cause });
    this[STATUS] = { http, grpc, retryAfterMs, reason: code };
    this[SIGNAL] = decision;
  }

  /** For logs. The cause is not part of the message, because callers are shown that. */
  override toString(): string {
    const { cause } = this;
    return cause === undefined ? super.toString() : `${super.toString()} Cause: ${textOf(cause)}`;
  }
}

/** True for an error of this package, also of another installed copy of it; `code` narrows it to one kind. */
export function isIdempotencyError(error: unknown, code?: IdempotencyErrorCode): boolean {
  if (typeof error !== 'object' || error === null || !(BRAND in error)) return false;
  return code === undefined || (error as Partial<IdempotencyError>).code === code;
}

/** Not this attempt's fault, so it does not count as one. */
const later = (afterMs?: number): SettleDecision => ({
  action: 'retry',
  afterMs,
  countAttempt: false,
});
const park = (code: string, reason: string): SettleDecision => ({ action: 'park', code, reason });

/** The message has no key. The handler was not run; the sender has to send one. */
export class IdempotencyKeyRequiredError extends IdempotencyError {
  readonly code = 'IDEMPOTENCY_KEY_REQUIRED';

  constructor(sources: string) {
    super(
      'IDEMPOTENCY_KEY_REQUIRED',
      `This call needs an idempotency key and has none. Send one: ${sources}.`,
      { http: 400, grpc: 3 },
    );
  }
}

/** What was sent is no key. The handler was not run. */
export class IdempotencyKeyInvalidError extends IdempotencyError {
  readonly code = 'IDEMPOTENCY_KEY_INVALID';

  constructor(why: string) {
    super(
      'IDEMPOTENCY_KEY_INVALID',
      `What was sent is no idempotency key: ${why}. Send one key of 1 to 255 characters.`,
      { http: 400, grpc: 3 },
    );
  }
}

/** Another call with this key is under way. Repeat it later, with the same key. */
export class IdempotencyKeyInUseError extends IdempotencyError {
  readonly code = 'IDEMPOTENCY_KEY_IN_USE';

  constructor(retryAfterMs: number) {
    super(
      'IDEMPOTENCY_KEY_IN_USE',
      `A call with this idempotency key is under way. Repeat it in ${retryAfterMs} ms with the same key.`,
      { http: 409, grpc: 14, retryAfterMs, decision: later(retryAfterMs) },
    );
  }
}

/** The key was used for another request. The sender has a bug: a new request needs a new key. */
export class IdempotencyKeyReusedError extends IdempotencyError {
  readonly code = 'IDEMPOTENCY_KEY_REUSED';

  constructor() {
    super(
      'IDEMPOTENCY_KEY_REUSED',
      'This idempotency key was used before, for another request. Use a new key for a new request.',
      { http: 422, grpc: 9 },
    );
  }
}

/** The stored outcome cannot be read, so it can neither be replayed nor be taken for missing. An operator has to look. */
export class IdempotencyRecordUnreadableError extends IdempotencyError {
  readonly code = 'IDEMPOTENCY_RECORD_UNREADABLE';

  constructor(name: string, recordId: string, cause: unknown) {
    const message = `The stored outcome ${recordId} of ${name} cannot be read. It was written by another version, encrypted with a key that is not configured, or damaged: see the cause in the log, then give the key, or repair or delete the record.`;
    super('IDEMPOTENCY_RECORD_UNREADABLE', message, {
      http: 500,
      grpc: 13,
      cause,
      decision: park('IDEMPOTENCY_RECORD_UNREADABLE', message),
    });
  }
}

/** The `principal` resolver did not say whose call this is, so it might be shown somebody else's reply. */
export class IdempotencyPrincipalRequiredError extends IdempotencyError {
  readonly code = 'IDEMPOTENCY_PRINCIPAL_REQUIRED';

  constructor() {
    super(
      'IDEMPOTENCY_PRINCIPAL_REQUIRED',
      'Nobody knows who makes this call: the principal resolver gave no name. Authenticate the caller in a guard.',
      { http: 401, grpc: 16 },
    );
  }
}

/** The store did not answer, so nobody knows whether this ran. The handler was not run. */
export class IdempotencyStoreUnavailableError extends IdempotencyError {
  readonly code = 'IDEMPOTENCY_STORE_UNAVAILABLE';

  constructor(
    /** As it is named in logs. */
    readonly store: string,
    cause: unknown,
  ) {
    super(
      'IDEMPOTENCY_STORE_UNAVAILABLE',
      `The idempotency store (${store}) cannot be asked. Nothing was run; repeat the call later with the same key.`,
      { http: 503, grpc: 14, retryAfterMs: 1_000, cause, decision: later() },
    );
  }
}

const LONGER = 'Stop at IdempotencyInfo.current().signal, or give a longer lockTtl or maxLockHold.';

/**
 * The lease was lost while the handler ran, so somebody else may have run it, too. It is the reason of the abort signal;
 * an event gets it as its error, to be delivered again and find the outcome that counts.
 */
export class IdempotencyLeaseLostError extends IdempotencyError {
  readonly code = 'IDEMPOTENCY_LEASE_LOST';

  constructor(why: string, cause?: unknown, remedy = LONGER) {
    super(
      'IDEMPOTENCY_LEASE_LOST',
      `The claim of an idempotency key was lost while its handler ran: ${why}. ${remedy}`,
      { http: 503, grpc: 10, retryAfterMs: 1_000, cause, decision: later(1_000) },
    );
  }
}

/**
 * The message was tried as often as it may be, and failed or took its process down each time. Its handler was not run; the
 * count begins anew, so that it can be sent again once the cause is mended.
 */
export class IdempotencyAttemptsExhaustedError extends IdempotencyError {
  readonly code = 'IDEMPOTENCY_ATTEMPTS_EXHAUSTED';

  constructor(name: string, maxAttempts: number) {
    const message = `${name} was tried ${maxAttempts} times for this message and never ended well. Mend the cause, then send it again; to allow more attempts, raise maxAttempts.`;
    super('IDEMPOTENCY_ATTEMPTS_EXHAUSTED', message, {
      http: 422,
      grpc: 9,
      decision: park('IDEMPOTENCY_ATTEMPTS_EXHAUSTED', message),
    });
  }
}

/** A streaming call cannot be replayed. Nothing was run. */
export class IdempotencyStreamUnsupportedError extends IdempotencyError {
  readonly code = 'IDEMPOTENCY_STREAM_UNSUPPORTED';

  constructor(name: string) {
    const message = `${name} answers with a stream, which @Idempotent() cannot replay. Take the decorator off, and protect what the handler does with IdempotencyService.run().`;
    super('IDEMPOTENCY_STREAM_UNSUPPORTED', message, { http: 501, grpc: 12 });
  }
}

/**
 * The call is done, and what it returned then could not be kept: there is nothing to replay, and it is not run again. An
 * event is acked instead.
 */
export class IdempotencyReplyNotKeptError extends IdempotencyError {
  readonly code = 'IDEMPOTENCY_REPLY_NOT_KEPT';

  constructor() {
    super(
      'IDEMPOTENCY_REPLY_NOT_KEPT',
      'This call is done, its reply was not kept. Look up what it did; do not repeat it with another key. To have replies kept, let the handler return plain values no larger than maxReplySize, or give the option serialize.',
      { http: 409, grpc: 6 },
    );
  }
}

/**
 * The result has a class that its stored copy would lose, and with it what a serializer leaves out. In lease mode the call
 * counts as done all the same; in transaction mode it is undone.
 */
export class IdempotencyResultNotPlainError extends IdempotencyError {
  readonly code = 'IDEMPOTENCY_RESULT_NOT_PLAIN';

  constructor(name: string, what: string) {
    const message = `${name} returned ${what}. A stored copy would lose the class, and a replay would show what @Exclude() hides. Return plain objects, put a ClassSerializerInterceptor around the handler, or give the option serialize, for example serialize: instanceToPlain.`;
    super('IDEMPOTENCY_RESULT_NOT_PLAIN', message, {
      http: 500,
      grpc: 13,
      decision: park('IDEMPOTENCY_RESULT_NOT_PLAIN', message),
    });
  }
}

/** A handler in transaction mode never used the transaction: its effect was made outside, where no claim protects it. */
export class TransactionUnusedError extends IdempotencyError {
  readonly code = 'TRANSACTION_UNUSED';

  constructor(name: string, transactions = 'default') {
    const which = transactions === 'default' ? '' : ` "${transactions}"`;
    const message = `${name} ran in a transaction that it never used, so what it did is neither undone on failure nor protected by its key. Use Transactions${which}.current() or a transactionAware() client, or say effect: 'none' if there is nothing to write.`;
    super('TRANSACTION_UNUSED', message, {
      http: 500,
      grpc: 13,
      decision: park('TRANSACTION_UNUSED', message),
    });
  }
}

/** The module, a store, a handler or a call was given wrong options. The message lists every problem with its remedy. */
export class IdempotencyConfigurationError extends Error {
  readonly code = 'IDEMPOTENCY_CONFIGURATION';
  readonly [BRAND] = true;

  constructor(
    readonly problems: readonly string[],
    options?: ErrorOptions,
  ) {
    super(`Idempotency is not configured correctly:\n- ${problems.join('\n- ')}`, options);
    this.name = new.target.name;
  }
}
