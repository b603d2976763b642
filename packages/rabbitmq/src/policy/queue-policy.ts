import { show, type OptionsCheck } from '@acme/nest-message-context/kit';
import type { QueueType } from '../core/hop-queues.js';
import { delaysOf, type RetryPolicy } from '../core/retry-policy.js';
import type { DeadLetterOptions, QueuePolicyOptions, RetryOptions } from './policy.options.js';

/** What is done with messages that fail. */
export interface QueuePolicy {
  readonly retry: RetryPolicy;
  /** Undefined: `<queue>.dlq`. */
  readonly deadLetterQueue: string | undefined;
  readonly stack: boolean;
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
  const deadLetter = check.object<DeadLetterOptions>(`${prefix}deadLetter`, given.deadLetter, [
    'queue',
    'stack',
  ]);
  const { queue, stack = true } = deadLetter;
  if (queue !== undefined && (typeof queue !== 'string' || queue === ''))
    check.problems.push(`${prefix}deadLetter.queue: ${show(queue)} is not a name. Give a string.`);
  return {
    retry: retryOf(check, `${prefix}retry`, given.retry),
    deadLetterQueue: queue,
    stack: check.flag(`${prefix}deadLetter.stack`, stack),
    queueType,
  };
}

/** More wait queues than this for one queue are a mistake. */
const MAX_ATTEMPTS = 100;

function retryOf(
  check: OptionsCheck,
  name: string,
  options: RetryOptions | undefined,
): RetryPolicy {
  const retry = check.object<RetryOptions>(name, options, RETRY);
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
