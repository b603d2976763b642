import type { BrokerAnswer, SettleDecision } from '@acme/nest-message-context';
import { delayFor, tierFor, tiersOf, type RetryPolicy } from './retry-policy.js';

/** What is to be done with a delivery that did not succeed. */
export type SettlePlan =
  | { readonly action: 'answer'; readonly answer: BrokerAnswer }
  | {
      /** To a wait queue, then ack. */
      readonly action: 'retry';
      /** Names the wait queue: one of the policy's tiers, in milliseconds. */
      readonly afterMs: number;
      /** What the next delivery is to be told of itself. */
      readonly attempt: number;
      readonly deferrals: number;
    }
  | {
      /** To the dead-letter queue with its reason, then ack. */
      readonly action: 'park';
      /** Stable SCREAMING_SNAKE. */
      readonly code: string;
      readonly reason: string;
    };

/** What settling must know of a delivery. */
export interface DeliveryHistory {
  /** 1 = first delivery. */
  readonly attempt: number;
  /** How often it was put off without an attempt counted. */
  readonly deferrals: number;
  /** Unix milliseconds, by the clock of whoever saw it fail first. */
  readonly firstFailedAt?: number | undefined;
}

export interface SettleInput {
  readonly decision: Exclude<SettleDecision, { readonly action: 'ack' }>;
  readonly policy: RetryPolicy;
  readonly delivery: DeliveryHistory;
  /** Unix milliseconds. */
  readonly now: number;
  /** 0 (inclusive) to 1 (exclusive). */
  readonly random: () => number;
}

/** The codes of messages that were given up because trying had to end, whatever the failure was. */
export const GIVEN_UP = {
  retriesExhausted: 'RETRIES_EXHAUSTED',
  retryTimeExhausted: 'RETRY_TIME_EXHAUSTED',
  deferralsExhausted: 'DEFERRALS_EXHAUSTED',
} as const;

/** Instead of a retry, where a message's own headers leave no room for what a retry has to note. */
export const HEADERS_TOO_LARGE: Extract<SettlePlan, { readonly action: 'park' }> = {
  action: 'park',
  code: 'HEADERS_TOO_LARGE',
  reason:
    'The message failed, and its headers leave no room to count a retry. Have its sender put into the body what is that long.',
};

/**
 * Turns the decision about one delivery into what is to be done with it. Retries end: after `attempts` of them that count,
 * after `maxElapsedMs`, and after `maxDeferrals` that do not count, so that no sequence of them goes on for ever. Only
 * `requeue` has no end here, because nothing travels with a requeued message in which it could be counted.
 */
export function planSettle(input: SettleInput): SettlePlan {
  const { decision } = input;
  if (decision.action === 'park')
    return { action: 'park', code: decision.code, reason: decision.reason };
  if (decision.action !== 'retry') return { action: 'answer', answer: decision.action };
  return decision.countAttempt
    ? planRetry(input, decision.afterMs)
    : planDeferral(input, decision.afterMs);
}

function planRetry(input: SettleInput, askedMs: number | undefined): SettlePlan {
  const { policy, delivery, now } = input;
  const attempt = atLeast(1, delivery.attempt);
  if (!(attempt < policy.attempts)) return park(GIVEN_UP.retriesExhausted, spent(attempt, policy));
  const afterMs = pauseFor(input, askedMs, attempt);
  if (afterMs === undefined) return park(GIVEN_UP.retriesExhausted, noTier(policy));
  const elapsedMs = atLeast(0, now - (delivery.firstFailedAt ?? now));
  if (!(elapsedMs + afterMs <= policy.maxElapsedMs))
    return park(GIVEN_UP.retryTimeExhausted, late(elapsedMs, afterMs, policy));
  return {
    action: 'retry',
    afterMs,
    attempt: attempt + 1,
    deferrals: atLeast(0, delivery.deferrals),
  };
}

function planDeferral(input: SettleInput, askedMs: number | undefined): SettlePlan {
  const { policy, delivery } = input;
  const deferrals = atLeast(0, delivery.deferrals);
  if (!(deferrals < policy.maxDeferrals))
    return park(GIVEN_UP.deferralsExhausted, putOff(deferrals, policy));
  const asked = pauseFor(input, askedMs, deferrals + 1);
  // Its attempt stands still. What it waits for may take longer than whoever asked has thought: the pauses grow all the same.
  const due = delayFor(policy, deferrals + 1, input.random);
  const afterMs = asked === undefined ? undefined : Math.max(asked, due ?? asked);
  if (afterMs === undefined) return park(GIVEN_UP.deferralsExhausted, noTier(policy));
  return {
    action: 'retry',
    afterMs,
    attempt: atLeast(1, delivery.attempt),
    deferrals: deferrals + 1,
  };
}

/** The pause that was asked for, else the one that is due; undefined where the policy has no tiers. */
function pauseFor(
  { policy, random }: SettleInput,
  askedMs: number | undefined,
  step: number,
): number | undefined {
  return askedMs === undefined || Number.isNaN(askedMs)
    ? delayFor(policy, step, random)
    : tierFor(tiersOf(policy), askedMs);
}

/** What is no number must not pass a limit because it compares as false: hence also `!(a < b)` above. */
const atLeast = (least: number, value: number): number =>
  Number.isNaN(value) ? least : Math.max(least, value);

const park = (code: string, reason: string): SettlePlan => ({ action: 'park', code, reason });

const spent = (attempt: number, policy: RetryPolicy): string =>
  `The message failed on attempt ${attempt} of ${policy.attempts}, so it is not tried again. ` +
  'Look at the error recorded with it, mend the cause, then redrive it.';

const noTier = (policy: RetryPolicy): string =>
  `The message has to wait for its next delivery, but its queue has no wait queue (attempts: ${policy.attempts}). ` +
  'Give the queue more attempts, or look at the error recorded with it and redrive it.';

const late = (elapsedMs: number, afterMs: number, policy: RetryPolicy): string =>
  `The message first failed ${seconds(elapsedMs)} ago, and its next attempt in ${seconds(afterMs)} would be beyond the ` +
  `${seconds(policy.maxElapsedMs)} that retries may take (maxElapsed). ` +
  'Look at the error recorded with it and at what was down for so long, then redrive it.';

const putOff = (deferrals: number, policy: RetryPolicy): string =>
  `The message was put off ${deferrals} times (at most ${policy.maxDeferrals}) without an attempt that counts. ` +
  'Look for a duplicate that never ends, or for a version that no consumer of this queue understands, then redrive it.';

const seconds = (ms: number): string => `${Math.round(ms / 100) / 10} s`;
