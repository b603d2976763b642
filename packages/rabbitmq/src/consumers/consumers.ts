import type { AmqpDeliveryLike } from '@acme/nest-message-context';
import { Injectable, Logger } from '@nestjs/common';
import type { RefusedDeclaration } from '../topology/refused-declarations.js';
import { openGate, type DeliveryGate } from '../crashes/delivery-gate.js';
import type { ConsumingChannelLike } from './consuming-channel-like.js';
import { TappedChannel, type ChannelEvents, type Consumer } from './tapped-channel.js';
import type { OpenConnectionLike } from './managed-connection-like.js';
import { unsettledOf, type Unsettled } from './unsettled.js';

const TAPPED = Symbol.for('@acme/nest-rabbitmq:tapped');

/** Whoever has channels, and closes them: a server of Nest or a connection of golevelup. */
export interface Client {
  /** In logs. */
  readonly name: string;
  /** The server or the connection itself. */
  readonly source: object;
  /** That it consumes from, as its URLs say; undefined where they do not. */
  readonly virtualHost: string | undefined;
  isConnected(): boolean;
  /** That which is open: to the broker and the virtual host that it consumes from. */
  connection(): OpenConnectionLike | undefined;
  /** Has it open a new connection and set up everything on it. */
  reconnect(): void;
}

/** A queue that the application consumes, or would. */
export interface ConsumedQueue {
  readonly client: Client;
  readonly queue: string;
  /** By `performance.now()`; undefined while a consumer of it is attached. */
  detachedSince: number | undefined;
  /** When its client was last told to reconnect for it. */
  retriedAt?: number;
  /** Whether it was consumed before. */
  wasAttached?: boolean;
}

/** Whoever wants to know what happens to consumers. */
export interface ConsumersWatch extends Pick<ChannelEvents, 'watch'> {
  lost(queue: string, reason: 'cancelled' | 'connection_lost'): void;
  back(queue: string, lostMs: number): void;
}

const NOBODY: ConsumersWatch = { watch: () => undefined, lost: () => {}, back: () => {} };

/** Everything that this application consumes with acknowledgements. */
@Injectable()
export class Consumers implements Iterable<Consumer> {
  readonly #channels = new Map<TappedChannel, Client>();
  /** Of closed channels as well: what they have delivered may be on its way to its next queue. */
  readonly #owners = new WeakMap<TappedChannel, Client>();
  readonly #queues = new Map<Client, Map<string, ConsumedQueue>>();
  /** The broker has ended a consumer. */
  onCancelled: (consumer: Consumer, client: Client) => void = () => {};
  /** The broker has something else under that name than a client has declared. */
  onRefused: (declaration: RefusedDeclaration) => Promise<void> = async () => {};
  /** Of whoever decides when deliveries are handed over. */
  gate: DeliveryGate = openGate;
  watchedBy = NOBODY;
  readonly #log = new Logger('RabbitMqModule');
  readonly #clients = new Set<Client>();
  readonly #ending = new WeakSet<Client>();
  readonly #toldTwice = new Set<string>();

  /**
   * From now on its consumers are known here; a channel is taken once.
   *
   * @param prefetch as it was said to the channel before
   */
  tap(channel: ConsumingChannelLike, client: Client, prefetch?: number): void {
    this.#clients.add(client);
    if (TAPPED in channel) return;
    Object.defineProperty(channel, TAPPED, { value: true });
    const events: ChannelEvents = {
      onChange: (consumer) => this.#changed(consumer, client),
      onFailed: (queue, error) =>
        this.#log.error(
          `"${queue}" is not consumed: ${error instanceof Error ? error.message : String(error)}`,
        ),
      onRefused: (wanted) => this.onRefused({ wanted, client }),
      onClosed: (closed) => this.#channels.delete(closed),
      onSettledTwice: (delivery, isItsChannel) => this.#tellTwice(delivery, isItsChannel),
      gate: this.gate,
      watch: (delivery, queue) => this.watchedBy.watch(delivery, queue),
    };
    const tapped = new TappedChannel(channel, events, prefetch);
    this.#channels.set(tapped, client);
    this.#owners.set(tapped, client);
    // Connected again while it shuts down.
    if (this.#ending.has(client)) void tapped.endConsumers(() => true);
  }

  /** Of this client, or of all, no consumer starts any more. */
  end(client?: Client): void {
    for (const one of client ? [client] : this.#clients) this.#ending.add(one);
  }

  *[Symbol.iterator](): Iterator<Consumer> {
    for (const channel of this.#channels.keys()) yield* channel.consumers;
  }

  /** Queues that are, or were and should be, consumed: not those whose consumer the application itself has ended. */
  get queues(): ConsumedQueue[] {
    return [...this.#queues.values()].flatMap((queues) => [...queues.values()]);
  }

  /** Of a client, or of all. */
  channelsOf(client?: Client): TappedChannel[] {
    return [...this.#channels]
      .filter(([, owner]) => client === undefined || owner === client)
      .map(([channel]) => channel);
  }

  /** Who has consumed a delivery; undefined where that was before anybody listened. */
  clientOf(delivery: object): Client | undefined {
    const channel = unsettledOf(delivery)?.consumer.channel;
    return channel && this.#owners.get(channel);
  }

  /** What was delivered and not settled yet. */
  unsettled(client?: Client): Unsettled[] {
    return this.channelsOf(client).flatMap(({ unsettled }) => [...unsettled]);
  }

  /** Once for each queue: a handler that does it does it with every message. */
  #tellTwice(delivery: Pick<AmqpDeliveryLike, 'fields'>, isItsChannel: boolean): void {
    const queue = `${unsettledOf(delivery)?.consumer.queue} ${isItsChannel}`;
    if (this.#toldTwice.has(queue)) return;
    this.#toldTwice.add(queue);
    this.#log.warn(settledTwice(delivery, isItsChannel));
  }

  #attached(consumed: ConsumedQueue): void {
    const { queue, detachedSince, wasAttached } = consumed;
    consumed.wasAttached = true;
    consumed.detachedSince = undefined;
    if (wasAttached && detachedSince !== undefined)
      this.watchedBy.back(queue, performance.now() - detachedSince);
  }

  #detached(consumed: ConsumedQueue, status: Consumer['status']): void {
    if (
      consumed.detachedSince === undefined &&
      consumed.wasAttached &&
      !this.#ending.has(consumed.client)
    )
      this.watchedBy.lost(consumed.queue, status === 'cancelled' ? 'cancelled' : 'connection_lost');
    consumed.detachedSince ??= performance.now();
  }

  #changed(consumer: Consumer, client: Client): void {
    const { queue, status } = consumer;
    let queues = this.#queues.get(client);
    if (!queues) this.#queues.set(client, (queues = new Map()));
    const isAttached = this.channelsOf(client).some(({ consumers }) =>
      [...consumers].some((one) => one.queue === queue && one.status === 'attached'),
    );
    // One that the server has named is gone with its connection: the next has another name.
    const isForgotten = status === 'ended' || (status === 'lost' && queue.startsWith('amq.'));
    if (isForgotten && !isAttached) queues.delete(queue);
    else {
      const consumed = queues.get(queue) ?? { client, queue, detachedSince: undefined };
      queues.set(queue, consumed);
      if (isAttached) this.#attached(consumed);
      else this.#detached(consumed, status);
    }
    if (status === 'cancelled') this.onCancelled(consumer, client);
  }
}

/** By what is known of it: a delivery that somebody has made himself says only its number. */
function settledTwice(delivery: Pick<AmqpDeliveryLike, 'fields'>, isItsChannel: boolean): string {
  const { consumer, told } = unsettledOf(delivery) ?? {};
  const of = consumer ? ` of "${consumer.queue}"` : '';
  const what = `Delivery ${delivery.fields.deliveryTag}${of}`;
  return isItsChannel
    ? `${what} was ${told ?? 'settled'} already, and settled once more: that was left out, as the broker would have closed the channel for it. Let the handler return or throw, rather than settle by hand.`
    : `${what} was settled on a channel that has not delivered it: that was left out, as it would have settled another message. The broker delivers it again where its own channel is closed.`;
}
