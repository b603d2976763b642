import { OptionsCheck, show } from '@acme/nest-message-context/kit';
import type { RmqOptions } from '@nestjs/microservices';
import { RabbitMqConfigurationError } from '../rabbitmq.errors.js';

type NestOptions = NonNullable<RmqOptions['options']>;

/** One queue of several, and what is bound to it. */
export type ReliableRmqQueue = Pick<
  NestOptions,
  | 'consumerTag'
  | 'exchange'
  | 'exchangeArguments'
  | 'exchangeType'
  | 'noAssert'
  | 'prefetchCount'
  | 'queueOptions'
  | 'routingKey'
  | 'wildcards'
> & { readonly queue: string };

/** Those of Nest's `Transport.RMQ`, with several queues, and with other defaults. */
export interface ReliableRmqOptions extends Omit<NestOptions, 'noAck' | 'isGlobalPrefetchCount'> {
  /**
   * Instead of `queue`: each has its own prefetch and bindings; what is left out is as said above for all. Every handler may get
   * messages of each.
   */
  readonly queues?: readonly ReliableRmqQueue[];
  /**
   * Messages that are handled at once, of each queue.
   * @default 20
   */
  prefetchCount?: number;
}

/** @internal */
export interface ResolvedQueue extends ReliableRmqQueue {
  readonly prefetchCount: number;
}

const PREFETCH = 20;
/** Of the manager of the connection 5 seconds, within which a handler must never block the event loop for twice as long. */
const HEARTBEAT_SECONDS = 30;
/** Of the manager the heartbeat: as long as it is, nothing would be consumed for half a minute after each lost connection. */
const RECONNECT_SECONDS = 1;

/** Nest's options: acks by outcome, a heartbeat that a busy process survives, and soon connected again. */
export function nestOptionsOf(options: ReliableRmqOptions): NestOptions {
  const { queues, socketOptions, maxConnectionAttempts: _, ...rest } = options;
  return {
    ...rest,
    // Nest looks here where it looks for handlers.
    wildcards: options.wildcards ?? queues?.some(({ wildcards }) => wildcards) ?? false,
    noAck: false,
    prefetchCount: options.prefetchCount ?? PREFETCH,
    socketOptions: {
      ...socketOptions,
      heartbeatIntervalInSeconds: socketOptions?.heartbeatIntervalInSeconds ?? HEARTBEAT_SECONDS,
      reconnectTimeInSeconds: socketOptions?.reconnectTimeInSeconds ?? RECONNECT_SECONDS,
    },
  };
}

/** @throws {RabbitMqConfigurationError} listing everything that is wrong, each with its remedy */
export function queuesOf(options: ReliableRmqOptions): readonly ResolvedQueue[] {
  const check = new OptionsCheck();
  const { queue, queues } = options;
  if ((queue === undefined) === (queues === undefined || queues.length === 0))
    check.problems.push('queue: give either queue or queues.');
  for (const misplaced of ['noAck', 'isGlobalPrefetchCount'])
    if (misplaced in options)
      check.problems.push(
        `${misplaced}: there is no such option here. Messages are acked by outcome, and prefetchCount is for each queue.`,
      );
  const given = queues ?? (queue === undefined ? [] : [{ queue }]);
  const names = new Set<string>();
  for (const { queue: name } of given) {
    if (typeof name !== 'string' || name === '')
      check.problems.push(`queue: ${show(name)} is not the name of a queue. Give a string.`);
    else if (names.has(name)) check.problems.push(`queues: "${name}" is there twice.`);
    names.add(name);
  }
  const resolved = given.map((one) => ({
    ...options,
    ...one,
    prefetchCount: check.count(
      `prefetchCount of "${one.queue}"`,
      (one as ReliableRmqQueue).prefetchCount ?? options.prefetchCount,
      PREFETCH,
      65_535,
    ),
  }));
  if (check.problems.length > 0)
    throw new RabbitMqConfigurationError(check.problems, 'ReliableRmqServer');
  return resolved;
}
