import type { Delivery } from './delivery.js';

/** The settling half of an amqplib channel. */
export interface AmqpChannelLike {
  ack(message: unknown, allUpTo?: boolean): void;
  nack(message: unknown, allUpTo?: boolean, requeue?: boolean): void;
  reject(message: unknown, requeue?: boolean): void;
}

/**
 * The channel as code that settles by hand sees it: settling *this* delivery records the decision, so an ack inside an
 * open transaction waits for its commit, and a second one is a logged no-op instead of a channel error that costs the
 * connection. Everything else goes to the channel itself.
 */
export function guardedChannel<T extends AmqpChannelLike>(
  channel: T,
  message: unknown,
  delivery: Delivery,
): T {
  const guards: Partial<AmqpChannelLike> = {
    ack: (settled, allUpTo) =>
      settled === message ? void delivery.settle({ action: 'ack' }) : channel.ack(settled, allUpTo),
    nack: (settled, allUpTo, requeue = true) =>
      settled === message ? refuse(delivery, requeue) : channel.nack(settled, allUpTo, requeue),
    reject: (settled, requeue = true) =>
      settled === message ? refuse(delivery, requeue) : channel.reject(settled, requeue),
  };
  return new Proxy(channel, {
    get(target, property) {
      if (Object.hasOwn(guards, property)) return guards[property as keyof AmqpChannelLike];
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

function refuse(delivery: Delivery, requeue: boolean): void {
  delivery.settle({ action: requeue ? 'requeue' : 'reject' });
}
