import { OptionsCheck, show, type Duration } from '@acme/nest-message-context/kit';
import { hostname } from 'node:os';
import type { HandlerMethod } from '@acme/nest-message-context';
import type { QueuePolicyOptions } from './policy/policy.options.js';
import { Policies } from './policy/policies.js';
import { POLICY, policyOf, type QueuePolicy } from './policy/queue-policy.js';
import { checkedTopology, PARTS } from './topology/checked-topology.js';
import type { TopologyBootOptions, WantedTopology } from './topology/topology.types.js';
import type { AmqpTakingConnectionLike } from './publisher/amqp-like.js';
import { RabbitMqConfigurationError } from './rabbitmq.errors.js';

/** Opens a connection: `() => amqplib.connect(url)`. */
export type Connect = () => PromiseLike<AmqpTakingConnectionLike>;

/** Options of `RabbitMqModule.forRoot()`. */
export interface RabbitMqModuleOptions extends QueuePolicyOptions {
  /**
   * Opens a connection for retries and parked messages: `() => amqplib.connect(url)`. Not the one that consumes: a broker that
   * blocks publishers would block the acknowledgements, too. Called again whenever the last one is lost.
   *
   * It leads to the broker and the virtual host that is consumed from. Where handlers consume from several, a list, one for each: a message
   * goes by the one that leads where it came from. `topology` and `DeadLetters` are of the first. Several nodes of one cluster are one
   * `connectToAny(urls, open)`.
   */
  readonly connect: Connect | readonly Connect[];
  /**
   * What is different for one queue, by its name. What is left out there is as above, and what a handler's own `@RmqRetry()` and
   * `@RmqDeadLetter()` say goes before this. The wait queues and the dead-letter queue of what is named here, or has such a decorator, are
   * declared at boot; those of all others when a message fails.
   */
  readonly queues?: Readonly<Record<string, QueuePolicyOptions>> | undefined;
  /**
   * Exchanges, queues and bindings that are to be there before the application consumes, with what belongs to `queues`. A difference is
   * named with the safe way to mend it; nothing is ever deleted.
   * @default nothing is looked at
   */
  readonly topology?: TopologyBootOptions | undefined;
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

type Mode = NonNullable<TopologyBootOptions['mode']>;

/** @internal */
export interface RabbitMqSettings {
  /** One or more. */
  readonly connects: readonly [Connect, ...Connect[]];
  readonly service: string;
  readonly publishTimeoutMs: number;
  readonly drainTimeoutMs: number;
  readonly ackTimeoutMs: number;
  readonly topology: { readonly mode: Mode; readonly wanted: WantedTopology };
  /** Those that the options name. */
  readonly queues: readonly string[];
  policyOf(queue: string, handler?: HandlerMethod): QueuePolicy;
}

const MODULE = [
  'connect',
  'queues',
  'topology',
  'service',
  'publishTimeout',
  'drainTimeout',
  'ackTimeout',
  ...POLICY,
];

/** @throws {RabbitMqConfigurationError} listing everything that is wrong, each with its remedy */
export function resolveOptions(options: RabbitMqModuleOptions | undefined): RabbitMqSettings {
  const check = new OptionsCheck();
  const all = check.object<RabbitMqModuleOptions>('options', options, MODULE);
  const connects = connectsOf(check, all.connect);
  const { service = hostname() } = all;
  if (typeof service !== 'string' || service === '')
    check.problems.push(`service: ${show(service)} is not a name. Give a string.`);
  const publishTimeoutMs = check.timeout('publishTimeout', all.publishTimeout, '10s');
  const drainTimeoutMs = check.timeout('drainTimeout', all.drainTimeout, '25s');
  const ackTimeoutMs = check.duration('ackTimeout', all.ackTimeout, '30m');
  policyOf(check, '', all);
  const queues = check.object<Record<string, QueuePolicyOptions>>(
    'queues',
    all.queues,
    Object.keys(all.queues ?? {}),
  );
  for (const [name, own] of Object.entries(queues)) {
    const prefix = `queues[${JSON.stringify(name)}]`;
    policyOf(check, `${prefix}.`, check.object<QueuePolicyOptions>(prefix, own, POLICY));
  }
  const topology = topologyOf(check, all.topology);
  if (check.problems.length > 0) throw new RabbitMqConfigurationError(check.problems);
  const policies = new Policies(all, queues);
  return {
    connects,
    service,
    publishTimeoutMs,
    drainTimeoutMs,
    ackTimeoutMs,
    topology,
    queues: Object.keys(queues),
    policyOf: (queue, handler) => policies.of(queue, handler),
  };
}

function connectsOf(check: OptionsCheck, given: unknown): RabbitMqSettings['connects'] {
  const list: readonly unknown[] = Array.isArray(given) && given.length > 0 ? given : [given];
  for (const [index, one] of list.entries())
    if (typeof one !== 'function')
      check.problems.push(
        `connect${list === given ? `[${index}]` : ''}: ${show(one)} is not a function. Give () => amqplib.connect(url).`,
      );
  return list as RabbitMqSettings['connects'];
}

const MODES: readonly unknown[] = ['assert', 'check', 'off'] satisfies Mode[];

function topologyOf(
  check: OptionsCheck,
  given: TopologyBootOptions | undefined,
): RabbitMqSettings['topology'] {
  const options = check.object<TopologyBootOptions>('topology', given, ['mode', ...PARTS]);
  const { mode = given === undefined ? 'off' : 'assert' } = options;
  if (!MODES.includes(mode))
    check.problems.push(
      `topology.mode: ${show(mode)} is unknown. Give 'assert', 'check' or 'off'.`,
    );
  return { mode, wanted: checkedTopology(check, 'topology.', options) };
}
