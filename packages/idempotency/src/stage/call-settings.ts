import type { InboundMessage } from '@acme/nest-message-context';
import type { AttemptLimit } from '../core/attempt.js';
import { toMs } from '../core/duration.js';
import type { CallKind, IdempotencyDefaults } from '../idempotency.options.js';
import type { ResolvedModuleOptions } from '../options/module-options.js';

/** What is in force for one call; times in milliseconds. */
export interface CallSettings {
  readonly ttlMs: number;
  readonly lockTtlMs: number;
  readonly maxLockHoldMs: number;
  readonly retryAfterMs: number;
  /** Undefined: as long as the caller waits. */
  readonly waitTimeoutMs: number | undefined;
  /** Undefined: nobody limits them. */
  readonly maxAttempts: number | undefined;
  readonly onStoreError: 'closed' | 'open';
  readonly storeIf: IdempotencyDefaults['storeIf'];
  /** Bytes. */
  readonly maxReplySize: number;
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

/** Larger replies are files rather than answers, and every store pays for them with its memory. */
const MAX_REPLY_BYTES = 262_144;

/** As many as RabbitMQ 4 gives a message on a quorum queue. */
const MAX_ATTEMPTS = 20;

/**
 * One option of a call: the handler's own, then the module's for this kind of call, then the module's for all.
 */
export function optionOf<K extends keyof IdempotencyDefaults>(
  name: K,
  own: IdempotencyDefaults,
  { defaults, defaultsOf }: Pick<ResolvedModuleOptions, 'defaults' | 'defaultsOf'>,
  kind: CallKind,
): IdempotencyDefaults[K] {
  return own[name] ?? defaultsOf[kind]?.[name] ?? defaults[name];
}

/** All of them, and where nobody says anything, what suits the kind of call. They were checked at boot. */
export function settingsOf(
  own: IdempotencyDefaults,
  module: Pick<ResolvedModuleOptions, 'defaults' | 'defaultsOf'>,
  kind: CallKind,
): CallSettings {
  const given = <K extends keyof IdempotencyDefaults>(name: K) => optionOf(name, own, module, kind);
  const wait = given('waitTimeout');
  const maxAttempts = given('maxAttempts') ?? (kind === 'event' && MAX_ATTEMPTS);
  return {
    ttlMs: toMs(given('ttl')) ?? (kind === 'event' ? 7 * DAY_MS : DAY_MS),
    lockTtlMs: toMs(given('lockTtl')) ?? 30_000,
    maxLockHoldMs: toMs(given('maxLockHold')) ?? 900_000,
    retryAfterMs: toMs(given('retryAfter')) ?? 1_000,
    waitTimeoutMs: wait === 0 ? 0 : (toMs(wait) ?? DEFAULT_WAIT_MS[kind]),
    maxAttempts: kind === 'event' && maxAttempts !== false ? maxAttempts : undefined,
    onStoreError: given('onStoreError') ?? 'closed',
    storeIf: given('storeIf'),
    maxReplySize: given('maxReplySize') ?? MAX_REPLY_BYTES,
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

/** How often the message may be tried, and whether this is the first time, as far as its broker tells. */
export function attemptsOf(
  { maxAttempts, ttlMs }: CallSettings,
  message: Pick<InboundMessage, 'redelivered' | 'attempt'> | undefined,
): AttemptLimit | undefined {
  if (maxAttempts === undefined || !message) return undefined;
  return { max: maxAttempts, ttlMs, repeated: message.redelivered || message.attempt > 1 };
}
