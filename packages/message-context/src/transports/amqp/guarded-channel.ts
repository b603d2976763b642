import type { Delivery } from '../../delivery/delivery.js';

/** The settling half of an amqplib channel. */
export interface AmqpChannelLike {
  ack(message: unknown, allUpTo?: boolean): void;
  nack(message: unknown, allUpTo?: boolean, requeue?: boolean): void;
  reject(message: unknown, requeue?: boolean): void;
}

/** What amqplib itself looks at to know which delivery is meant. */
interface TaggedDelivery {
  readonly fields: { readonly deliveryTag: number };
}

/**
 * The channel as code that settles by hand sees it: settling *this* delivery records the decision, so an ack inside an
 * open transaction waits for its commit, and a second one is a logged no-op instead of a channel error that costs the
 * connection. "All" means this one: the others have handlers of their own, which settle them. Everything else goes to the
 * channel itself.
 */
export function guardedChannel<T extends AmqpChannelLike>(
  channel: T,
  message: TaggedDelivery,
  delivery: Delivery,
): T {
  return new Proxy(channel, new Guard(message, delivery)) as T;
}

/** Made for every delivery; what it answers with only for those that settle by hand. */
class Guard implements ProxyHandler<AmqpChannelLike> {
  #guards: object | undefined;

  constructor(
    private readonly message: TaggedDelivery,
    private readonly delivery: Delivery,
  ) {}

  get(target: AmqpChannelLike, property: string | symbol): unknown {
    this.#guards ??= guardsOf(target, this.message, this.delivery);
    if (Object.hasOwn(this.#guards, property)) return this.#guards[property as never];
    const value: unknown = Reflect.get(target, property, target);
    return typeof value === 'function' ? (value.bind(target) as unknown) : value;
  }
}

function guardsOf(
  channel: AmqpChannelLike,
  message: TaggedDelivery,
  delivery: Delivery,
): AmqpChannelLike & { ackAll(): void; nackAll(requeue?: boolean): void } {
  // By tag, as the broker does: a copy of the delivery means the delivery.
  const isThis = (settled: unknown): boolean =>
    (settled as Partial<TaggedDelivery> | undefined)?.fields?.deliveryTag ===
    message.fields.deliveryTag;
  const accept = (): void => void delivery.settle({ action: 'ack' });
  const refuse = (requeue: boolean): void =>
    void delivery.settle({ action: requeue ? 'requeue' : 'reject' });
  // From RabbitMQ 4.3 on quorum queues count what is rejected, not what is nacked: that is why somebody rejects.
  const reject = (requeue: boolean): void =>
    void delivery.settle(
      requeue ? { action: 'retry', afterMs: 0, countAttempt: true } : { action: 'reject' },
    );
  return {
    ack: (settled, allUpTo) => (isThis(settled) ? accept() : channel.ack(settled, allUpTo)),
    nack: (settled, allUpTo, requeue = true) =>
      isThis(settled) ? refuse(requeue) : channel.nack(settled, allUpTo, requeue),
    reject: (settled, requeue = true) =>
      isThis(settled) ? reject(requeue) : channel.reject(settled, requeue),
    ackAll: accept,
    nackAll: (requeue = true) => refuse(requeue),
  };
}
