import type { AmqpDeliveryLike } from '@acme/nest-message-context';
import type {
  ConsumeOptionsLike,
  ConsumingChannelLike,
  OnDelivery,
} from './consuming-channel-like.js';
import type { Wanted } from '../topology/wanted.js';
import type { DeliveryGate } from '../crashes/delivery-gate.js';
import { TopologySeen, type SeenQueue } from './topology-seen.js';
import { UnsettledDeliveries, unsettledOf, type DeliveryWatch, type Told } from './unsettled.js';

/** A consumer of the application, whichever library has started it. */
export interface Consumer {
  readonly queue: string;
  readonly channel: TappedChannel;
  /** Messages that the broker hands over before one is settled; 0: without a limit; undefined: said before anybody listened. */
  readonly prefetch: number | undefined;
  /**
   * `starting` until the broker has confirmed it; `cancelled` when the broker has ended it (its queue was deleted, or a message was
   * not settled in time); `ended` when the application has; `lost` when it could not start or its channel was closed.
   */
  status: 'starting' | 'attached' | 'cancelled' | 'ended' | 'lost';
  /** Undefined while it is starting. */
  tag: string | undefined;
  /** How many of its messages were settled. */
  settled: number;
  /** Starts it once more on the same channel, after the broker has ended it. */
  again(): Promise<unknown>;
}

/** What a channel tells of its consumers. */
export interface ChannelEvents {
  /** One has started, was ended, or its channel was closed. */
  onChange(consumer: Consumer): void;
  /** One could not start. Its channel is closed then. */
  onFailed(queue: string, error: unknown): void;
  /** What it has declared is there already, and differs; it is told so when this has resolved. The channel is closed then. */
  onRefused(wanted: Wanted): Promise<void>;
  onClosed(channel: TappedChannel): void;
  /** The broker is not told of it once more: it would close the channel, and with that give back all that is in work. */
  onSettledTwice(delivery: Pick<AmqpDeliveryLike, 'fields'>, isItsChannel: boolean): void;
  /** Whoever decides when its deliveries are handed over. */
  readonly gate: DeliveryGate;
  /** A message is handed over. */
  watch(delivery: AmqpDeliveryLike, queue: string): DeliveryWatch | undefined;
}

/**
 * One channel of a client library, and what it consumes. The channel object itself is changed: everybody consumes and settles through
 * it, whatever he has wrapped around it, so what is counted here is what the broker counts.
 *
 * Consumers without acknowledgements are left alone: one of them waits for the replies to requests.
 */
export class TappedChannel {
  readonly consumers = new Set<Consumer>();
  readonly #unsettled: UnsettledDeliveries;
  readonly #topology: TopologySeen;
  readonly #original: Pick<ConsumingChannelLike, 'consume' | 'cancel' | 'nack' | 'prefetch'>;
  #prefetch: number | undefined;
  #isDraining = false;
  #isClosed = false;
  #hasFetched = false;

  constructor(
    private readonly channel: ConsumingChannelLike,
    private readonly events: ChannelEvents,
    prefetch?: number,
  ) {
    this.#prefetch = prefetch;
    this.#original = {
      consume: channel.consume.bind(channel),
      cancel: channel.cancel.bind(channel),
      nack: channel.nack.bind(channel),
      prefetch: channel.prefetch.bind(channel),
    };
    this.#unsettled = new UnsettledDeliveries(
      ({ delivery, consumer }) => events.watch(delivery, consumer.queue),
      (unsettled) => events.gate.leave(unsettled),
    );
    this.#topology = new TopologySeen((wanted) => events.onRefused(wanted));
    this.#topology.watch(channel);
    channel.prefetch = (count, isGlobal) => {
      if (!isGlobal) this.#prefetch = count;
      return this.#original.prefetch(count, isGlobal);
    };
    channel.consume = (queue, onDelivery, options) => {
      const started = this.#consume(queue, onDelivery, options);
      // Nest does not wait for it: unhandled, it would end the process.
      started.catch((error: unknown) => this.events.onFailed(queue, error));
      return started;
    };
    channel.cancel = (tag) => this.#cancel(tag);
    this.#countSettling();
    this.#noticeFetching();
    channel.once('close', () => this.#closed());
  }

  /** What was delivered and not settled yet, the oldest first. */
  get unsettled(): UnsettledDeliveries {
    return this.#unsettled;
  }

  /** How the queue was declared on this channel. */
  seen(queue: string): SeenQueue | undefined {
    return this.#topology.of(queue);
  }

  /**
   * Ends those consumers. What is still on its way to them goes back to its queue, without a handler having seen it, and no consumer
   * starts any more.
   */
  async endConsumers(which: (consumer: Consumer) => boolean): Promise<void> {
    this.#isDraining = true;
    await Promise.all(
      [...this.consumers].filter(which).map(async ({ tag }) => {
        // Where it failed to start, or its channel was closed, there is nothing to end.
        if (tag !== undefined) await this.#cancel(tag).catch(() => undefined);
      }),
    );
    // The last first: whoever goes makes way for those behind.
    for (const unsettled of [...this.#unsettled].toReversed())
      if (this.events.gate.withdraw(unsettled)) {
        this.#unsettled.withdraw(unsettled);
        this.#giveBack(unsettled.consumer, unsettled.delivery);
      }
  }

  /** For a delivery that was handed to nobody. Where the channel is gone, the broker delivers it again. */
  answer(delivery: AmqpDeliveryLike, answer: 'ack' | 'requeue'): void {
    try {
      if (answer === 'ack') this.channel.ack(delivery);
      else this.channel.nack(delivery, false, true);
    } catch {
      // Closed: what was parked meanwhile is then in both.
    }
  }

  /** Resolves when everything published on this channel is confirmed. */
  async whenConfirmed(): Promise<void> {
    // It rejects where the broker refused one: whoever has published that was told.
    await this.channel.waitForConfirms?.().catch(() => undefined);
  }

  async #consume(
    queue: string,
    onDelivery: OnDelivery,
    options?: ConsumeOptionsLike,
  ): Promise<{ readonly consumerTag: string }> {
    if (options?.noAck) return this.#original.consume(queue, onDelivery, options);
    if (this.#isDraining) return { consumerTag: options?.consumerTag ?? '' };
    const consumer: Consumer = {
      queue,
      channel: this,
      prefetch: this.#prefetch,
      status: 'starting',
      tag: undefined,
      settled: 0,
      again: () => this.#start(consumer, onDelivery, options),
    };
    this.consumers.add(consumer);
    this.events.onChange(consumer);
    try {
      return await this.#start(consumer, onDelivery, options);
    } catch (error) {
      this.#end(consumer, 'lost');
      throw error;
    }
  }

  async #start(
    consumer: Consumer,
    onDelivery: OnDelivery,
    options: ConsumeOptionsLike | undefined,
  ): Promise<{ readonly consumerTag: string }> {
    // Another one may have been given another prefetch since. Not awaited: then another consumer could come in between.
    const { prefetch } = consumer;
    if (prefetch !== undefined && prefetch !== this.#prefetch)
      this.channel.prefetch(prefetch).catch(() => undefined);
    const ok = await this.#original.consume(
      consumer.queue,
      (delivery) => this.#delivered(consumer, delivery, onDelivery),
      options,
    );
    consumer.tag = ok.consumerTag;
    if (this.#isDraining) await this.#cancel(ok.consumerTag);
    else {
      consumer.status = 'attached';
      this.events.onChange(consumer);
    }
    return ok;
  }

  async #cancel(tag: string): Promise<unknown> {
    for (const consumer of this.consumers) if (consumer.tag === tag) this.#end(consumer, 'ended');
    return this.#original.cancel(tag);
  }

  #end(consumer: Consumer, status: 'ended' | 'lost'): void {
    consumer.status = status;
    this.consumers.delete(consumer);
    this.events.onChange(consumer);
  }

  #delivered(consumer: Consumer, delivery: unknown, onDelivery: OnDelivery): void {
    if (delivery === null) {
      onDelivery(null);
      if (!this.consumers.has(consumer)) return;
      consumer.status = 'cancelled';
      return this.events.onChange(consumer);
    }
    const known = delivery as AmqpDeliveryLike;
    if (this.#isDraining) return this.#giveBack(consumer, known);
    const unsettled = this.#unsettled.add(known, consumer);
    this.events.gate.enter(unsettled, () => {
      const watch = this.#unsettled.watchOf(unsettled);
      if (watch) watch.within(() => onDelivery(delivery));
      else onDelivery(delivery);
    });
  }

  /** Of a consumer that ends only with its channel, what is not touched goes back to its place then, and nobody overtakes it. */
  #giveBack({ status }: Consumer, delivery: AmqpDeliveryLike): void {
    if (status === 'ended') this.#original.nack(delivery, false, true);
  }

  #noticeFetching(): void {
    const { channel } = this;
    const fetch = channel.get?.bind(channel);
    if (!fetch) return;
    channel.get = (...args) => {
      this.#hasFetched = true;
      return fetch(...args);
    };
  }

  #countSettling(): void {
    const { channel } = this;
    const original = {
      ack: channel.ack.bind(channel),
      nack: channel.nack.bind(channel),
      reject: channel.reject.bind(channel),
      ackAll: channel.ackAll.bind(channel),
      nackAll: channel.nackAll.bind(channel),
    };
    // Counted when it was said: on a closed channel that throws.
    const settle = (
      told: Told,
      delivery: unknown,
      allUpTo: boolean | undefined,
      tell: () => void,
    ): void => {
      if (!allUpTo && this.#isSettled(delivery)) return;
      this.#unsettled.settling(told, delivery, allUpTo);
      tell();
      this.#unsettled.settled(told, delivery, allUpTo);
    };
    const refused = (requeue: boolean): Told => (requeue ? 'requeued' : 'rejected');
    channel.ack = (delivery, allUpTo) =>
      settle('acked', delivery, allUpTo, () => original.ack(delivery, allUpTo));
    channel.nack = (delivery, allUpTo, requeue = true) =>
      settle(refused(requeue), delivery, allUpTo, () => original.nack(delivery, allUpTo, requeue));
    channel.reject = (delivery, requeue = true) =>
      settle(refused(requeue), delivery, false, () => original.reject(delivery, requeue));
    channel.ackAll = () => {
      this.#unsettled.settlingAll('acked');
      original.ackAll();
      this.#unsettled.settledAll('acked');
    };
    channel.nackAll = (requeue = true) => {
      const told = refused(requeue);
      this.#unsettled.settlingAll(told);
      original.nackAll(requeue);
      this.#unsettled.settledAll(told);
    };
  }

  /**
   * By hand and by the library, or on a channel that has not delivered it: the number means another message there. What was fetched
   * one by one is known to nobody here.
   */
  #isSettled(delivery: unknown): boolean {
    const from = unsettledOf(delivery as object)?.consumer.channel ?? this;
    if (from === this && (this.#isClosed || this.#hasFetched || this.#unsettled.has(delivery)))
      return false;
    this.events.onSettledTwice(delivery as AmqpDeliveryLike, from === this);
    return true;
  }

  /** The broker delivers again what was not settled; the library starts its consumers on another channel. */
  #closed(): void {
    this.#isClosed = true;
    this.#unsettled.settlingAll('lost');
    this.#unsettled.settledAll('lost');
    this.events.onClosed(this);
    for (const consumer of this.consumers) this.#end(consumer, 'lost');
  }
}
