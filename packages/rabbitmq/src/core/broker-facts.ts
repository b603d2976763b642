/**
 * What brokers of different versions do differently, as far as settling or topology depends on it.
 *
 * Known from the version, never from a trial: a broker accepts arguments that it does not know and ignores them
 * (rabbitmq-server #12346). "Run" below means run on 3.10.8, 4.0.5 and 4.3.6, as far as it is said of them; the rest is from RabbitMQ's
 * guides and release notes.
 */
export interface BrokerFacts {
  /** As the broker says it, for logs; `unknown` where it says nothing. Of another product, with its name. */
  readonly version: string;
  /**
   * Whether `basic.nack` with requeue takes a message of a quorum queue nearer to its delivery limit. Before 4.3 every return
   * does (run); from 4.3 on only `basic.reject` and the loss of a consumer do (run; rabbitmq-server #15387, spring-amqp #3435). So: reject what has failed, which counts everywhere; nack what this consumer
   * cannot take, and do it seldom where this is true. It never bounds a loop by itself: a classic queue counts nothing.
   */
  readonly nackCounts: boolean;
  /**
   * Whether a delivery that was not settled in time counts toward the delivery limit. From 4.3 on it does not (run), and will not
   * before 5.0 (rabbitmq-server discussion #18226): a handler that hangs is given its message again without end.
   */
  readonly timeoutCounts: boolean;
  /**
   * Redeliveries after which a quorum queue without `x-delivery-limit` gives a message up: to its dead-letter exchange, and
   * without one it is dropped. 20 from 4.0 on (run); undefined: there is no limit.
   */
  readonly defaultDeliveryLimit: number | undefined;
  /**
   * Whether `x-delivery-limit: -1` means "no limit" (4.0 on: run). Before, it means 0: the first requeue dead-letters or drops the
   * message (run).
   */
  readonly unlimitedDeliveryLimit: boolean;
  /**
   * What happens to a consumer that leaves a delivery unsettled for too long (30 minutes). Before 4.3 its channel is closed
   * with 406 (run). From 4.3 on quorum queues send it `basic.cancel` (run) and classic queues do nothing (release notes; since 4.3.7
   * an operator can have the channel closed as before). A new channel cures both; a new consumer on the old one does not,
   * because amqplib never sends the `cancel-ok` that 4.3.0 to 4.3.6 wait for (rabbitmq-server #17317).
   */
  readonly ackTimeout: 'closes-channel' | 'cancels-consumer';
  /** Whether a queue can have a timeout of its own, `x-consumer-timeout` (3.12 on; before, accepted and ignored: run). */
  readonly queueAckTimeout: boolean;
  /**
   * Whether a queue that is neither durable nor exclusive is refused unless the operator permits it (4.3.0, deprecated features).
   * The version does not tell whether it is: the 4.3.6 of Debian permits it (run).
   */
  readonly mayRefuseTransientQueues: boolean;
  /**
   * Whether a quorum queue can be a wait queue: a TTL of messages and at-least-once dead-lettering (3.10 on: run). Elsewhere
   * wait queues are durable classic queues.
   */
  readonly quorumWaitQueues: boolean;
  /** Whether a quorum queue can delay what is returned to it, `x-delayed-retry-*` (4.3 on; before, accepted and ignored: run). */
  readonly delayedRetry: boolean;
}

/** Of a broker about which nothing is known: nothing that is new is used, nothing that is old is relied upon. */
const SAFE_ON_ALL: Omit<BrokerFacts, 'version'> = {
  nackCounts: true,
  timeoutCounts: false,
  defaultDeliveryLimit: 20,
  unlimitedDeliveryLimit: false,
  ackTimeout: 'closes-channel',
  queueAckTimeout: false,
  mayRefuseTransientQueues: true,
  quorumWaitQueues: false,
  delayedRetry: false,
};

/**
 * Reads the broker's facts from what it says of itself when a connection opens (amqplib: `connection.serverProperties`; to
 * overrule it, give `{ product: 'RabbitMQ', version }`). A distribution under another name numbers its versions by itself, so
 * only "RabbitMQ" is believed; everything else gets the answers that are safe on all.
 */
export function brokerFactsOf(serverProperties: unknown): BrokerFacts {
  const { product, version } = (serverProperties ?? {}) as Record<string, unknown>;
  const name = asText(product);
  const text = asText(version);
  const number = name === 'RabbitMQ' ? numberOf(text) : undefined;
  if (number === undefined) return { version: nameOf(name, text), ...SAFE_ON_ALL };
  const since = (major: number, minor: number): boolean => number >= numbered(major, minor);
  return {
    version: text,
    nackCounts: !since(4, 3),
    timeoutCounts: !since(4, 3),
    defaultDeliveryLimit: since(4, 0) ? 20 : undefined,
    unlimitedDeliveryLimit: since(4, 0),
    ackTimeout: since(4, 3) ? 'cancels-consumer' : 'closes-channel',
    queueAckTimeout: since(3, 12),
    mayRefuseTransientQueues: since(4, 3),
    quorumWaitQueues: since(3, 10),
    delayedRetry: since(4, 3),
  };
}

/** A number that orders versions. The patch plays no part: no fact depends on it alone. */
const numbered = (major: number, minor: number): number => major * 10_000 + minor;

/** Of `3.10.8`, `4.1`, `4.3.0-rc.1`; undefined of anything else. */
function numberOf(version: string): number | undefined {
  const [, major, minor] = /^(\d{1,4})\.(\d{1,4})(?:[.+~-]|$)/.exec(version) ?? [];
  return major === undefined ? undefined : numbered(Number(major), Number(minor));
}

function nameOf(product: string, version: string): string {
  const known = [product === 'RabbitMQ' ? '' : product, version].filter((part) => part !== '');
  return known.join(' ') || 'unknown';
}

function asText(value: unknown): string {
  if (typeof value === 'string') return value.trim();
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8').trim() : '';
}
