import { GrpcCode } from './codes.js';

/** How calls are made again. All in milliseconds. */
export interface RetrySettings {
  /** The first one included; 1: never again. */
  readonly attempts: number;
  /** The longest pause before the second attempt; it doubles with each. */
  readonly initialMs: number;
  /** No pause is longer, unless the other side wants one that is. */
  readonly maxMs: number;
}

/** An attempt that has failed. */
export interface FailedAttempt {
  /** 1 is the first. */
  readonly attempt: number;
  readonly code: number;
  /** What the other side has said of when to come again: in details of its status (RetryInfo), undefined where nothing. */
  readonly retryAfterMs: number | undefined;
  /** And in its trailers. */
  readonly pushback: number | 'never' | undefined;
  /** Unix milliseconds. */
  readonly now: number;
  /** Until when the call may take, in Unix milliseconds, or `Infinity`. */
  readonly deadline: number;
  /** 0 (inclusive) to 1 (exclusive). */
  readonly random: number;
}

/**
 * After how many milliseconds a call is made again; undefined where it is not. Only what was not available is asked again (AIP-194), never later than
 * somebody still waits for it, and never sooner than the other side wants to be asked.
 */
export function nextAttemptIn(
  { attempts, initialMs, maxMs }: RetrySettings,
  { attempt, code, retryAfterMs = 0, pushback, now, deadline, random }: FailedAttempt,
): number | undefined {
  if (code !== GrpcCode.UNAVAILABLE || attempt >= attempts || pushback === 'never')
    return undefined;
  // Full jitter: what failed together does not come back together.
  const pause = random * Math.min(maxMs, initialMs * 2 ** Math.min(attempt - 1, 52));
  const wait = Math.ceil(Math.max(pushback ?? pause, retryAfterMs));
  // To sleep into a failure helps nobody.
  return now + wait < deadline ? wait : undefined;
}

/** What `grpc-retry-pushback-ms` says: what is no number of milliseconds means that it is not to be asked again (gRFC A6). */
export function pushbackIn(value: unknown): number | 'never' | undefined {
  if (value === undefined) return undefined;
  return typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : 'never';
}
