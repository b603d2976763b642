import { toMs } from '../core/duration.js';
import type { IdempotencyDefaults } from '../idempotency.options.js';
import type { CallKind } from './call-kind.js';

/** The times of one call, in milliseconds. */
export interface CallSettings {
  readonly ttlMs: number;
  readonly lockTtlMs: number;
  readonly maxLockHoldMs: number;
  readonly retryAfterMs: number;
  /** Undefined: as long as the caller waits. */
  readonly waitTimeoutMs: number | undefined;
}

const DAY_MS = 86_400_000;

/** A duplicate of an HTTP request is refused at once, as the IETF draft has it: the client knows how to come back. */
const DEFAULT_WAIT_MS: Readonly<Record<CallKind, number | undefined>> = {
  http: 0,
  grpc: undefined,
  request: undefined,
  event: 1_000,
  method: undefined,
};

/** Waits of callers that have no deadline. */
const PATIENCE_MS = 5_000;

/** The handler's own options, then the module's, then what suits the kind of call. Both were checked at boot. */
export function settingsOf(
  own: IdempotencyDefaults,
  module: IdempotencyDefaults,
  kind: CallKind,
): CallSettings {
  const given = <K extends keyof IdempotencyDefaults>(name: K) => own[name] ?? module[name];
  const wait = given('waitTimeout');
  return {
    ttlMs: toMs(given('ttl')) ?? (kind === 'event' ? 7 * DAY_MS : DAY_MS),
    lockTtlMs: toMs(given('lockTtl')) ?? 30_000,
    maxLockHoldMs: toMs(given('maxLockHold')) ?? 900_000,
    retryAfterMs: toMs(given('retryAfter')) ?? 1_000,
    waitTimeoutMs: wait === 0 ? 0 : (toMs(wait) ?? DEFAULT_WAIT_MS[kind]),
  };
}

/**
 * How long a duplicate may wait now. Leaves time for a last look at the store and for the answer, on a busy machine, too:
 * one that comes after the deadline tells a gRPC client to give up instead of when to come again.
 */
export function waitMsOf(
  { waitTimeoutMs }: CallSettings,
  deadline: number | undefined,
  now: number,
): number {
  if (deadline === undefined) return waitTimeoutMs ?? PATIENCE_MS;
  const left = Math.max(0, deadline - now);
  const usable = left - Math.min(500, left / 4);
  return Math.min(waitTimeoutMs ?? usable, usable);
}
