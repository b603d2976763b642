import { OptionsCheck, show, type Duration } from '@acme/nest-message-context/kit';
import { hostname } from 'node:os';
import type { QueueType } from './core/hop-queues.js';
import { delaysOf, type RetryPolicy } from './core/retry-policy.js';
import type { AmqpDeclaringConnectionLike } from './publisher/amqp-like.js';
import { RabbitMqConfigurationError } from './rabbitmq.errors.js';

/** When a message that failed is tried again. */
export interface RetryOptions {
  /**
   * Deliveries, the first included; after so many failures a message is parked.
   * @default 5
   */
  readonly attempts?: number | undefined;
  /**
   * How the pause grows: doubled (or by `factor`), by `initial` each time, or not at all. A list says each pause; its last entry
   * is used as often as needed.
   * @default 'exponential'
   */
  readonly backoff?: 'exponential' | 'linear' | 'fixed' | readonly Duration[] | undefined;
  /**
   * The first pause.
   * @default '1s'
   */
  readonly initial?: Duration | undefined;
  /**
   * Of `'exponential'`.
   * @default 2
   */
  readonly factor?: number | undefined;
  /**
   * No pause is longer.
   * @default '10m'
   */
  readonly max?: Duration | undefined;
  /**
   * Whether messages that failed together come back at different times: each waits for its own pause or for the next one.
   * @default true
   */
  readonly jitter?: boolean | undefined;
  /**
   * No attempt begins later than this after the first failure.
   * @default '1d'
   */
  readonly maxElapsed?: Duration | undefined;
  /**
   * How often a message is put off that is not to blame (`RetryLater` with `countAttempt: false`) before it is parked.
   * @default 20
   */
  readonly maxDeferrals?: number | undefined;
}

/** Where messages go that are given up. */
export interface DeadLetterOptions {
  /**
   * The name of the queue; declared when it is first needed. Where one for all is consumed itself, what fails there goes to a `.dlq`
   * of its own.
   * @default `<queue>.dlq`
   */
  readonly queue?: string | undefined;
  /**
   * Whether the first 4 KiB of the stack go along, as header `x-error-stack`.
   * @default true
   */
  readonly stack?: boolean | undefined;
}

/** What is done with the messages of a queue. */
export interface QueuePolicyOptions {
  readonly retry?: RetryOptions | undefined;
  readonly deadLetter?: DeadLetterOptions | undefined;
  /**
   * Of the wait queues and the dead-letter queue.
   * @default 'quorum'
   */
  readonly queueType?: QueueType | undefined;
}

/** Options of `RabbitMqModule.forRoot()`. */
export interface RabbitMqModuleOptions extends QueuePolicyOptions {
  /**
   * Opens a connection for retries and parked messages: `() => amqplib.connect(url)`. Not the one that consumes: a broker that
   * blocks publishers would block the acknowledgements, too. Called again whenever the last one is lost.
   */
  readonly connect: () => PromiseLike<AmqpDeclaringConnectionLike>;
  /**
   * What is different for one queue, by its name. What is left out there is as above. The wait queues and the dead-letter queue of
   * the queues named here are declared at boot, those of all others when a message fails.
   */
  readonly queues?: Readonly<Record<string, QueuePolicyOptions>> | undefined;
  /**
   * Who has failed, in `x-error-service`.
   * @default the name of the host
   */
  readonly service?: string | undefined;
  /**
   * How long a retry or parking may take until the broker has confirmed it; then it is tried again, while the message is held.
   * @default '10s'
   */
  readonly publishTimeout?: Duration | undefined;
  /**
   * How long a shutdown waits for what is being handled, after the consumers have ended. Less than what the platform waits before it
   * kills: Kubernetes 30 seconds.
   * @default '25s'
   */
  readonly drainTimeout?: Duration | undefined;
  /**
   * The broker's own `consumer_timeout`: how long it waits until a message is settled, before it ends the consumer. What is handled for
   * half as long is named in the log.
   * @default '30m'
   */
  readonly ackTimeout?: Duration | undefined;
}

/** @internal */
export interface QueuePolicy {
  readonly retry: RetryPolicy;
  /** Undefined: `<queue>.dlq`. */
  readonly deadLetterQueue: string | undefined;
  readonly stack: boolean;
  readonly queueType: QueueType;
}

/** @internal */
export interface RabbitMqSettings {
  readonly connect: RabbitMqModuleOptions['connect'];
  readonly service: string;
  readonly publishTimeoutMs: number;
  readonly drainTimeoutMs: number;
  readonly ackTimeoutMs: number;
  /** Those that the options name. */
  readonly queues: readonly string[];
  policyOf(queue: string): QueuePolicy;
}

const POLICY = ['retry', 'deadLetter', 'queueType'];
const MODULE = [
  'connect',
  'queues',
  'service',
  'publishTimeout',
  'drainTimeout',
  'ackTimeout',
  ...POLICY,
];
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

/** @throws {RabbitMqConfigurationError} listing everything that is wrong, each with its remedy */
export function resolveOptions(options: RabbitMqModuleOptions | undefined): RabbitMqSettings {
  const check = new OptionsCheck();
  const all = check.object<RabbitMqModuleOptions>('options', options, MODULE);
  if (typeof all.connect !== 'function')
    check.problems.push(
      `connect: ${show(all.connect)} is not a function. Give () => amqplib.connect(url).`,
    );
  const { service = hostname() } = all;
  if (typeof service !== 'string' || service === '')
    check.problems.push(`service: ${show(service)} is not a name. Give a string.`);
  const publishTimeoutMs = check.timeout('publishTimeout', all.publishTimeout, '10s');
  const drainTimeoutMs = check.timeout('drainTimeout', all.drainTimeout, '25s');
  const ackTimeoutMs = check.duration('ackTimeout', all.ackTimeout, '30m');
  const usual = policyOf(check, '', all);
  const queues = check.object<Record<string, QueuePolicyOptions>>(
    'queues',
    all.queues,
    Object.keys(all.queues ?? {}),
  );
  const policies = new Map(
    Object.entries(queues).map(([name, own]) => {
      const prefix = `queues[${JSON.stringify(name)}]`;
      policyOf(check, `${prefix}.`, check.object<QueuePolicyOptions>(prefix, own, POLICY));
      // What is wrong above was said there.
      return [name, policyOf(new OptionsCheck(), '', merged(all, own))];
    }),
  );
  if (check.problems.length > 0) throw new RabbitMqConfigurationError(check.problems);
  return {
    connect: all.connect,
    service,
    publishTimeoutMs,
    drainTimeoutMs,
    ackTimeoutMs,
    queues: [...policies.keys()],
    policyOf: (queue) => policies.get(queue) ?? usual,
  };
}

function merged(
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

function policyOf(check: OptionsCheck, prefix: string, given: QueuePolicyOptions): QueuePolicy {
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
