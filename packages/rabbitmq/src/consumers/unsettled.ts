import type { AmqpDeliveryLike } from '@acme/nest-message-context';
import { Chain, type Linked } from '@acme/nest-message-context/kit';
import type { Consumer } from './tapped-channel.js';

/** What the broker is told of a delivery; `lost` when it cannot be told any more, and delivers it again. */
export type Told = 'acked' | 'requeued' | 'rejected' | 'lost';

/** Whoever looks on while a delivery is handled. */
export interface DeliveryWatch {
  /** Hands the delivery over. */
  within(deliver: () => void): void;
  /** The broker is about to be told. */
  settling(told: Told): void;
  /** It was. */
  settled(told: Told): void;
}

/** A delivery that is being handled or settled. */
export interface Unsettled extends Linked<Unsettled> {
  readonly delivery: AmqpDeliveryLike;
  readonly consumer: Consumer;
  /** When it came in, by `performance.now()`. */
  readonly since: number;
  /** Undefined where nobody wants to know; null where nobody was asked yet, since it is not handed over. */
  watch: DeliveryWatch | undefined | null;
  /** Whether it has begun, where those who begin have to take turns. */
  isRunning: boolean;
  /** Undefined until it is settled. */
  told: Told | undefined;
}

type Delivery = Pick<AmqpDeliveryLike, 'fields'> & { [UNSETTLED]?: Unsettled };

// On the delivery itself: it is what settles it.
const UNSETTLED = Symbol('unsettled');

/** What is known of a delivery, also once it is settled. */
export const unsettledOf = (delivery: object): Unsettled | undefined =>
  (delivery as Partial<Delivery>)[UNSETTLED];

/** What one channel has delivered and nobody has settled yet, the oldest first. */
export class UnsettledDeliveries implements Iterable<Unsettled> {
  readonly #chain = new Chain<Unsettled>();

  /**
   * @param watch asked once for each
   * @param gone told of each that leaves
   */
  constructor(
    private readonly watch: (unsettled: Unsettled) => DeliveryWatch | undefined,
    private readonly gone: (unsettled: Unsettled) => void,
  ) {}

  get size(): number {
    return this.#chain.size;
  }

  [Symbol.iterator](): Iterator<Unsettled> {
    return this.#chain[Symbol.iterator]();
  }

  add(delivery: AmqpDeliveryLike, consumer: Consumer): Unsettled {
    const unsettled: Unsettled = {
      delivery,
      consumer,
      since: performance.now(),
      watch: null,
      isRunning: false,
      told: undefined,
      previous: undefined,
      next: undefined,
      chain: undefined,
    };
    (delivery as Delivery)[UNSETTLED] = unsettled;
    this.#chain.add(unsettled);
    return unsettled;
  }

  has(delivery: unknown): boolean {
    return this.#of(delivery) !== undefined;
  }

  /** Whoever looks on while it is handled. */
  watchOf(unsettled: Unsettled): DeliveryWatch | undefined {
    if (unsettled.watch === null) unsettled.watch = this.watch(unsettled);
    return unsettled.watch;
  }

  /** It was handed to nobody, and is given back. */
  withdraw(unsettled: Unsettled): void {
    this.#chain.remove(unsettled);
  }

  /** The broker is about to be told. An instrumentation of the channel ends its span with that. */
  settling(told: Told, delivery: unknown, allUpTo = false): void {
    if (allUpTo) for (const unsettled of this.#upTo(delivery)) this.#settling(unsettled, told);
    else this.#settling(this.#of(delivery), told);
  }

  /** Of several the last first: whoever goes makes way for those behind. */
  settled(told: Told, delivery: unknown, allUpTo = false): void {
    if (!allUpTo) return this.#leave(this.#of(delivery), told);
    for (const unsettled of this.#upTo(delivery).toReversed()) this.#leave(unsettled, told);
  }

  settlingAll(told: Told): void {
    for (const unsettled of this) this.#settling(unsettled, told);
  }

  settledAll(told: Told): void {
    for (const unsettled of [...this].toReversed()) this.#leave(unsettled, told);
  }

  #of(delivery: unknown): Unsettled | undefined {
    const { [UNSETTLED]: known, fields } = delivery as Delivery;
    if (known && this.#chain.has(known)) return known;
    // Whoever acks by hand may have made an object of his own, with the tag in it.
    return [...this].find((one) => one.delivery.fields.deliveryTag === fields.deliveryTag);
  }

  #upTo(delivery: unknown): Unsettled[] {
    const { deliveryTag } = (delivery as Delivery).fields;
    return [...this].filter((one) => one.delivery.fields.deliveryTag <= deliveryTag);
  }

  #settling(unsettled: Unsettled | undefined, told: Told): void {
    if (unsettled) this.watchOf(unsettled)?.settling(told);
  }

  #leave(unsettled: Unsettled | undefined, told: Told): void {
    if (!unsettled || !this.#chain.remove(unsettled)) return;
    unsettled.told = told;
    unsettled.consumer.settled += 1;
    this.watchOf(unsettled)?.settled(told);
    this.gone(unsettled);
  }
}
