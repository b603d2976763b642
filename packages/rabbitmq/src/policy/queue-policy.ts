import { show, type OptionsCheck } from '@acme/nest-message-context/kit';
import type { QueueType } from '../core/hop-queues.js';
import { delaysOf, type RetryPolicy } from '../core/retry-policy.js';
import type { DeadLetterOptions, QueuePolicyOptions, RetryOptions } from './policy.options.js';

/** What is done with messages that fail. */
export interface QueuePolicy {
  readonly retry: RetryPolicy;
  /** So many deaths of the process, each with this message alone in its hands. */
  readonly crashes: number;
  /** Undefined: `<queue>.dlq`. */
  readonly deadLetterQueue: string | undefined;
  readonly stack: boolean;
  readonly redact: ((text: string) => string) | undefined;
  /** How often a handler is called again at once. */
  readonly immediate: number;
  readonly immediatePauseMs: number;
  readonly retryIf: RetryOptions['retryIf'];
  readonly queueType: QueueType;
}

/** Names of the options. */
export const POLICY = ['retry', 'deadLetter', 'queueType'];
const RETRY = [
  'attempts',
  'backoff',
  'initial',
  'factor',
  'max',
  'jitter',
  'maxElapsed',
  'maxDeferrals',
  'immediate',
  'immediatePause',
  'retryIf',
  'crashes',
];

/** The same options, with what is said more closely. */
export function merged(
  usual: QueuePolicyOptions,
  own: QueuePolicyOptions | undefined,
): QueuePolicyOptions {
  return {
    queueType: own?.queueType ?? usual.queueType,
    retry: { ...usual.retry, ...given(own?.retry) },
    deadLetter: { ...usual.deadLetter, ...given(own?.deadLetter) },
  };
}

/** Without what is `undefined`. */
const given = <T extends object>(options: T | undefined): Partial<T> =>
  Object.fromEntries(
    Object.entries(options ?? {}).filter(([, value]) => value !== undefined),
  ) as Partial<T>;

/** Reads the options; what is wrong with them is noted in `check`, with `prefix` before the name of the option. */
export function policyOf(
  check: OptionsCheck,
  prefix: string,
  given: QueuePolicyOptions,
): QueuePolicy {
  const { queueType = 'quorum' } = given;
  if (queueType !== 'quorum' && queueType !== 'classic')
    check.problems.push(
      `${prefix}queueType: ${show(queueType)} is unknown. Give 'quorum' or 'classic'.`,
    );
  const deadLetter = check.object<DeadLetterOptions>(
    `${prefix}deadLetter`,
    given.deadLetter,
    ['queue', 'stack', 'redact'],
    "{ queue: 'orders.dlq' }",
  );
  const { queue, stack = true } = deadLetter;
  if (queue !== undefined && (typeof queue !== 'string' || queue === ''))
    check.problems.push(`${prefix}deadLetter.queue: ${show(queue)} is not a name. Give a string.`);
  return {
    retry: retryOf(check, `${prefix}retry`, given.retry),
    ...hereOf(check, `${prefix}retry`, given.retry),
    crashes: check.count(`${prefix}retry.crashes`, given.retry?.crashes, 3),
    deadLetterQueue: queue,
    stack: check.flag(`${prefix}deadLetter.stack`, stack),
    redact: functionOf(check, `${prefix}deadLetter.redact`, deadLetter.redact),
    queueType,
  };
}

const MOST_IMMEDIATE = 10;
const LONGEST_PAUSE_MS = 5_000;

/** What is done with the delivery in hand. */
function hereOf(
  check: OptionsCheck,
  name: string,
  given: RetryOptions | undefined,
): Pick<QueuePolicy, 'immediate' | 'immediatePauseMs' | 'retryIf'> {
  const { immediate = 0, immediatePause, retryIf } = given ?? {};
  if (!Number.isInteger(immediate) || immediate < 0 || immediate > MOST_IMMEDIATE)
    check.problems.push(
      `${name}.immediate: ${show(immediate)} is not a whole number from 0 to ${MOST_IMMEDIATE}. For more give attempts.`,
    );
  const immediatePauseMs = check.duration(`${name}.immediatePause`, immediatePause, '50ms');
  if (immediatePauseMs > LONGEST_PAUSE_MS)
    check.problems.push(
      `${name}.immediatePause: ${show(immediatePause)} is longer than 5 seconds, and fills a prefetch slot. Give attempts and initial instead.`,
    );
  return {
    immediate,
    immediatePauseMs,
    retryIf: functionOf(check, `${name}.retryIf`, retryIf),
  };
}

function functionOf<F>(check: OptionsCheck, name: string, given: F): F {
  if (given !== undefined && typeof given !== 'function')
    check.problems.push(`${name}: ${show(given)} is not a function.`);
  return given;
}

/** More wait queues than this for one queue are a mistake. */
const MAX_ATTEMPTS = 100;

function retryOf(
  check: OptionsCheck,
  name: string,
  options: RetryOptions | undefined,
): RetryPolicy {
  const retry = check.object<RetryOptions>(name, options, RETRY, '{ attempts: 10 }');
  const attempts = check.count(`${name}.attempts`, retry.attempts, 5, MAX_ATTEMPTS);
  const { factor = 2, backoff = 'exponential', jitter = true } = retry;
  if (typeof factor !== 'number' || !(factor >= 1 && factor <= 100))
    check.problems.push(`${name}.factor: ${show(factor)} is not a number from 1 to 100.`);
  const maxMs = check.duration(`${name}.max`, retry.max, '10m');
  return {
    attempts,
    // One wait queue at least: what is put off through no fault of its own waits there, too.
    delaysMs: delaysOf({
      attempts: Math.max(2, attempts),
      backoff: backoffOf(check, `${name}.backoff`, backoff),
      initialMs: check.duration(`${name}.initial`, retry.initial, '1s'),
      factor,
      maxMs,
    }),
    maxElapsedMs: check.duration(`${name}.maxElapsed`, retry.maxElapsed, '1d'),
    jitter: check.flag(`${name}.jitter`, jitter),
    maxDeferrals: check.count(`${name}.maxDeferrals`, retry.maxDeferrals, 20),
  };
}

function backoffOf(
  check: OptionsCheck,
  name: string,
  backoff: NonNullable<RetryOptions['backoff']>,
): 'exponential' | 'linear' | 'fixed' | number[] {
  if (backoff === 'exponential' || backoff === 'linear' || backoff === 'fixed') return backoff;
  if (Array.isArray(backoff) && backoff.length > 0)
    return backoff.map((pause, index) => check.duration(`${name}[${index}]`, pause, '1s'));
  check.problems.push(
    `${name}: ${show(backoff)} is unknown. Give 'exponential', 'linear', 'fixed', or a list of pauses.`,
  );
  return 'exponential';
}
