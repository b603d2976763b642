/** How often and when a failed message is tried again. Resolved: durations are milliseconds. */
export interface RetryPolicy {
  /** Deliveries that count, the first included; after so many failures a message is parked. */
  readonly attempts: number;
  /** The pause after each failed attempt but the last, `attempts - 1` of them. */
  readonly delaysMs: readonly number[];
  /** No attempt begins later than this after the first failure. */
  readonly maxElapsedMs: number;
  /** Whether what failed together is spread over two tiers instead of coming back together. */
  readonly jitter: boolean;
  /** How often a message may be put off through no fault of its own before somebody has to look. 20 by custom of the house. */
  readonly maxDeferrals: number;
}

/** From which the delays of a policy are made. */
export interface DelayOptions {
  readonly attempts: number;
  /**
   * `exponential`: times `factor` from one to the next. `linear`: `initialMs` more with each. `fixed`: always `initialMs`.
   * A list, in milliseconds: as it says, its last entry as often as needed.
   */
  readonly backoff: 'exponential' | 'linear' | 'fixed' | readonly number[];
  /** The first, in milliseconds. */
  readonly initialMs: number;
  /** Of `exponential`; less than 1 is taken for 1. */
  readonly factor: number;
  /** None is longer, in milliseconds; entries of a list are cut to it as well. */
  readonly maxMs: number;
}

/** The broker keeps a TTL in 32 bits, and refuses the declaration of a queue with a longer one. */
const MAX_TTL_MS = 2 ** 32 - 1;

/**
 * The pauses of a policy, `attempts - 1` of them, in whole milliseconds from 1 on: a queue with a TTL of 0 delivers at once or
 * never.
 */
export function delaysOf({ attempts, backoff, initialMs, factor, maxMs }: DelayOptions): number[] {
  const count = Number.isFinite(attempts) ? Math.max(0, Math.floor(attempts) - 1) : 0;
  const most = Math.max(1, Math.floor(atMost(MAX_TTL_MS, maxMs)));
  const stepAt = (index: number): number => {
    if (backoff === 'exponential') return initialMs * Math.max(1, factor) ** index;
    if (backoff === 'linear') return initialMs * (index + 1);
    if (backoff === 'fixed') return initialMs;
    return backoff[Math.min(index, backoff.length - 1)] ?? initialMs;
  };
  return Array.from({ length: count }, (_, index) =>
    Math.max(1, Math.round(atMost(most, stepAt(index)))),
  );
}

/** `Math.min` that takes what is not a number for the most. */
const atMost = (most: number, value: number): number =>
  Number.isNaN(value) ? most : Math.min(most, value);

/**
 * The distinct delays, ascending. Each is one wait queue with a TTL of the queue: with a TTL of each message in one queue, a
 * short one waits behind a long one until that has expired.
 */
export function tiersOf({ delaysMs }: Pick<RetryPolicy, 'delaysMs'>): number[] {
  return [...new Set(delaysMs)].toSorted((a, b) => a - b);
}

/**
 * The wait queue for a pause that somebody asked for: the shortest that is not shorter, so that nothing comes back before its
 * time; for a pause beyond the longest tier the longest, since there is no other. Undefined: there are no tiers.
 */
export function tierFor(tiers: readonly number[], afterMs: number): number | undefined {
  return tiers.find((tier) => tier >= afterMs) ?? tiers.at(-1);
}

/**
 * The tier in which a message waits after its `failedAttempt`-th attempt (1 = the first). With jitter it is evenly that or the
 * next (for the longest: that or the one before), so that a storm of failures does not return at one moment. Undefined: the
 * policy has no tiers.
 *
 * @param random 0 (inclusive) to 1 (exclusive)
 */
export function delayFor(
  policy: Pick<RetryPolicy, 'delaysMs' | 'jitter'>,
  failedAttempt: number,
  random: () => number,
): number | undefined {
  const { delaysMs, jitter } = policy;
  const last = delaysMs.length - 1;
  const step = failedAttempt >= 1 ? Math.min(Math.floor(failedAttempt) - 1, last) : 0;
  const delay = delaysMs[step];
  if (delay === undefined || !jitter || random() < 0.5) return delay;
  const tiers = tiersOf(policy);
  const index = tiers.indexOf(delay);
  return tiers[index + 1] ?? tiers[index - 1] ?? delay;
}
