import { OptionsCheck, show } from '@acme/nest-message-context/kit';
import type { TopologyChannelLike } from '../publisher/amqp-like.js';
import { isOfUnknownType } from '../publisher/broker-words.js';
import { RabbitMqConfigurationError } from '../rabbitmq.errors.js';

/** Options of `orderedTopology()`. */
export interface OrderedTopologyOptions {
  /** Whose messages are spread over the queues. Of type `x-consistent-hash`; declared here. */
  readonly exchange: string;
  /** The queues are named `<queue>.1`, `<queue>.2`, … */
  readonly queue: string;
  /**
   * How many queues, and so how many instances can work at once. Another number is another topology: keys move to other queues while
   * the old ones still hold messages of them.
   */
  readonly partitions: number;
  /**
   * The header by whose value messages are spread.
   * @default they are spread by their routing key, which then has to be the key of their order
   */
  readonly header?: string | undefined;
  /**
   * Exchanges that are there already, with the routing keys of what is to be spread. With `header`: otherwise all that comes under one
   * routing key ends in one queue.
   * @default messages are published to `exchange` itself
   */
  readonly sources?: readonly OrderedSource[] | undefined;
  /**
   * Deliveries after which a queue gives a message up that always takes its consumer down.
   * @default 20
   */
  readonly deliveryLimit?: number | undefined;
}

/** An exchange that messages come from. */
export interface OrderedSource {
  readonly exchange: string;
  readonly routingKey: string;
}

/** Queues among which messages are spread by key, each with one consumer at a time. */
export interface OrderedTopology {
  /** Every instance consumes all of them. */
  readonly queues: readonly string[];
  /** As `queueOptions` of Nest's `Transport.RMQ` or of golevelup. */
  readonly queueOptions: {
    readonly durable: true;
    readonly arguments: Readonly<Record<string, unknown>>;
  };
  /**
   * Declares the exchange, the queues, and what they are bound to; does nothing where they are there. With a connection of its own,
   * which it closes.
   *
   * @throws {RabbitMqConfigurationError} when the broker has no exchanges of this kind
   * @throws whatever the client throws, when something is there with other arguments
   */
  declare(connect: () => PromiseLike<TopologyConnectionLike>): Promise<void>;
}

/** What `amqplib.connect()` resolves with, as far as it is needed to declare. */
export interface TopologyConnectionLike {
  createChannel(): PromiseLike<
    TopologyChannelLike & { on(event: 'error', listener: () => void): unknown }
  >;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  close(): PromiseLike<unknown>;
}

const KNOWN = ['exchange', 'queue', 'partitions', 'header', 'sources', 'deliveryLimit'];
const MAX_PARTITIONS = 1_000;

/**
 * What several instances need to keep an order together: an exchange that spreads messages over queues by their key, and queues with a
 * single active consumer. What one key is about is in one queue, and one instance at a time handles that.
 *
 * @throws {RabbitMqConfigurationError} listing everything that is wrong
 */
export function orderedTopology(options: OrderedTopologyOptions): OrderedTopology {
  const { exchange, queue, partitions, header, sources, deliveryLimit } = checked(options);
  const queues = Array.from({ length: partitions }, (_, at) => `${queue}.${at + 1}`);
  const queueOptions = {
    durable: true,
    arguments: {
      'x-queue-type': 'quorum',
      'x-single-active-consumer': true,
      // Without one, what is given back goes to the end before RabbitMQ 4.0.
      'x-delivery-limit': deliveryLimit,
    },
  } as const;
  const declareOn = async (channel: TopologyChannelLike): Promise<void> => {
    const args = header === undefined ? {} : { 'hash-header': header };
    await channel.assertExchange(exchange, TYPE, { durable: true, arguments: args });
    for (const name of queues) {
      await channel.assertQueue(name, queueOptions);
      // For this kind the routing key of a binding is its weight.
      await channel.bindQueue(name, exchange, '1');
    }
    for (const source of sources)
      await channel.bindExchange(exchange, source.exchange, source.routingKey);
  };
  return { queues, queueOptions, declare: (connect) => declareBy(connect, declareOn) };
}

const TYPE = 'x-consistent-hash';

async function declareBy(
  connect: () => PromiseLike<TopologyConnectionLike>,
  declareOn: (channel: TopologyChannelLike) => Promise<void>,
): Promise<void> {
  const connection = await connect();
  // Without a listener it would end the process. What the broker ends it for it says here, and not to the call that failed.
  let failure: unknown;
  connection.on('error', (error) => (failure = error));
  try {
    const channel = await connection.createChannel();
    channel.on('error', () => {});
    await declareOn(channel);
  } catch (error) {
    await new Promise((done) => setImmediate(done));
    const said = [failure, error].map((one) => (one instanceof Error ? one.message : ''));
    throw said.some(isOfUnknownType) ? noPlugin() : error;
  } finally {
    await Promise.resolve(connection.close()).catch(() => {});
  }
}

const noPlugin = (): Error =>
  new RabbitMqConfigurationError(
    [
      `the broker has no exchanges of type ${TYPE}. Enable its plugin: rabbitmq-plugins enable rabbitmq_consistent_hash_exchange.`,
    ],
    'orderedTopology()',
  );

interface Checked {
  readonly exchange: string;
  readonly queue: string;
  readonly partitions: number;
  readonly header: string | undefined;
  readonly sources: readonly OrderedSource[];
  readonly deliveryLimit: number;
}

function checked(options: OrderedTopologyOptions): Checked {
  const check = new OptionsCheck();
  const given = check.object<Partial<OrderedTopologyOptions>>('options', options, KNOWN);
  const { exchange = '', queue = '', header, sources = [] } = given;
  for (const [name, value] of Object.entries({ exchange, queue, header }))
    if (value === '' || (value !== undefined && typeof value !== 'string'))
      check.problems.push(`${name}: ${show(value)} is not a name. Give a string.`);
  const list = Array.isArray(sources) ? (sources as readonly Partial<OrderedSource>[]) : [{}];
  if (list.some((one) => typeof one?.exchange !== 'string' || typeof one.routingKey !== 'string'))
    check.problems.push('sources: give a list of { exchange, routingKey }.');
  if (list.length > 0 && header === undefined)
    check.problems.push(
      'sources: what comes from another exchange comes under its routing key, and by that all of one kind would go to one queue. Say with header where its key is.',
    );
  // Every instance consumes every queue: that many consumers and lanes.
  const partitions = check.count('partitions', given.partitions ?? Number.NaN, 1, MAX_PARTITIONS);
  const deliveryLimit = check.count('deliveryLimit', given.deliveryLimit, 20);
  if (check.problems.length > 0)
    throw new RabbitMqConfigurationError(check.problems, 'orderedTopology()');
  return { exchange, queue, partitions, header, sources: list as OrderedSource[], deliveryLimit };
}
