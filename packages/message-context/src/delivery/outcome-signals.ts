import { readSafely } from '../read-safely.js';
import { STATUS, type ErrorStatus } from '../wire/status.js';
import type { SettleDecision } from './decision.js';

/**
 * Key under which any error may carry the decision it stands for, as `STATUS` carries its answer: for packages whose errors
 * have a class of their own and cannot extend `OutcomeSignal`.
 */
export const SIGNAL: unique symbol = Symbol.for('@acme/nest-message-context:signal') as never;

/**
 * An error that says what is to become of the delivery. Thrown by a handler or by any stage around it, or returned by a
 * handler. Recognised by brand, so two installed copies of this package understand each other.
 */
export abstract class OutcomeSignal extends Error {
  abstract readonly code: string;
  readonly [SIGNAL]: SettleDecision;
  /** How a caller who waits for a reply (HTTP, gRPC, RPC) is answered. */
  readonly [STATUS]: ErrorStatus;
  /** The HTTP status; Nest 11's default exception filter answers with it. */
  readonly statusCode: number;
  /** The same: Nest 12 answers only what has the shape of an error of "http-errors". */
  readonly status: number;
  /** That the message may be shown to the caller, in that shape. */
  readonly expose = true;

  protected constructor(
    message: string,
    decision: SettleDecision,
    status: ErrorStatus,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = new.target.name;
    this[SIGNAL] = decision;
    this[STATUS] = status;
    this.statusCode = this.status = status.http;
  }
}

/** What every signal can be given. */
export interface SignalOptions {
  /** Default: a sentence that names the code. */
  readonly message?: string | undefined;
  readonly cause?: unknown;
}

/** What a `NonRetryableError` can be given. */
export interface NonRetryableOptions extends SignalOptions {
  /** Default: 422 / FAILED_PRECONDITION with the code as reason. */
  readonly status?: ErrorStatus | undefined;
}

/** This message fails however often it is tried: park it now. */
export class NonRetryableError extends OutcomeSignal {
  constructor(
    readonly code: string,
    { message, cause, status }: NonRetryableOptions = {},
  ) {
    const text = message ?? `${code}: this message cannot succeed on a later attempt`;
    super(
      text,
      { action: 'park', code, reason: text },
      status ?? { http: 422, grpc: 9, reason: code },
      { cause },
    );
  }
}

/** Park the message although nothing is wrong with the attempt: an operator has to look at it. */
export class DeadLetter extends OutcomeSignal {
  constructor(
    readonly code: string,
    { message, cause }: SignalOptions = {},
  ) {
    const text = message ?? `${code}: dead-lettered by the handler`;
    super(
      text,
      { action: 'park', code, reason: text },
      { http: 422, grpc: 9, reason: code },
      { cause },
    );
  }
}

/** What a `RetryLater` can be given. */
export interface RetryLaterOptions extends SignalOptions {
  /** Milliseconds until the next attempt. @default 1000 */
  readonly after?: number | undefined;
  /** `false` when the message is not to blame (a duplicate is in flight, a newer version is not known yet). @default true */
  readonly countAttempt?: boolean | undefined;
  /** Stable code for logs and replies. @default 'RETRY_LATER' */
  readonly code?: string | undefined;
  /** Default: 503 / UNAVAILABLE with `after` as the retry hint. */
  readonly status?: ErrorStatus | undefined;
}

/** Not now: try again after a while. */
export class RetryLater extends OutcomeSignal {
  readonly code: string;

  constructor({
    after = 1000,
    countAttempt = true,
    code,
    message,
    cause,
    status,
  }: RetryLaterOptions = {}) {
    if (!Number.isFinite(after) || after < 0) {
      throw new RangeError(
        `RetryLater: "after" must be a number of milliseconds >= 0, got ${String(after)}.`,
      );
    }
    const reason = code ?? 'RETRY_LATER';
    super(
      message ?? `${reason}: try again in ${after} ms`,
      { action: 'retry', afterMs: after, countAttempt },
      status ?? { http: 503, grpc: 14, retryAfterMs: after, reason },
      { cause },
    );
    this.code = reason;
  }
}

/** Give the message back to the broker at once, for another consumer. */
export class Requeue extends OutcomeSignal {
  readonly code = 'REQUEUE';

  constructor({ message, cause }: SignalOptions = {}) {
    super(
      message ?? 'REQUEUE: given back to the broker by the handler',
      { action: 'requeue' },
      { http: 503, grpc: 14, reason: 'REQUEUE' },
      { cause },
    );
  }
}

/** Nothing is to be done for this message: ack it and forget it. */
export class Discard extends OutcomeSignal {
  constructor(
    readonly code: string,
    { message, cause }: SignalOptions = {},
  ) {
    super(
      message ?? `${code}: discarded by the handler`,
      { action: 'ack' },
      { http: 422, grpc: 9, reason: code },
      { cause },
    );
  }
}

const ACTIONS: readonly unknown[] = ['ack', 'requeue', 'reject', 'retry', 'park'];

/** The decision that a thrown or returned value asks for, or undefined when it is not a signal. Never throws. */
export function signalOf(value: unknown): SettleDecision | undefined {
  const decision = readSafely(value, SIGNAL);
  return ACTIONS.includes(readSafely(decision, 'action'))
    ? (decision as SettleDecision)
    : undefined;
}
