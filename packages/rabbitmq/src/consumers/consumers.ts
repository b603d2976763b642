import { Injectable, Logger } from '@nestjs/common';
import type { RefusedDeclaration } from '../topology/refused-declarations.js';
import { openGate, type DeliveryGate } from '../crashes/delivery-gate.js';
import type { ConsumingChannelLike } from './consuming-channel-like.js';
import { TappedChannel, type Consumer, type Unsettled } from './tapped-channel.js';

const TAPPED = Symbol.for('@acme/nest-rabbitmq:tapped');

/** Whoever has channels, and closes them: a server of Nest or a connection of golevelup. */
export interface Client {
  /** In logs. */
  readonly name: string;
  isConnected(): boolean;
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
}

/** Everything that this application consumes with acknowledgements. */
@Injectable()
export class Consumers implements Iterable<Consumer> {
  readonly #channels = new Map<TappedChannel, Client>();
  readonly #queues = new Map<Client, Map<string, ConsumedQueue>>();
  /** The broker has ended a consumer. */
  onCancelled: (consumer: Consumer, client: Client) => void = () => {};
  /** The broker has something else under that name than a client has declared. */
  onRefused: (declaration: RefusedDeclaration) => Promise<void> = async () => {};
  /** Of whoever decides when deliveries are handed over. */
  gate: DeliveryGate = openGate;
  readonly #log = new Logger('RabbitMqModule');
  readonly #clients = new Set<Client>();
  readonly #ending = new WeakSet<Client>();

  /** From now on its consumers are known here; a channel is taken once. */
  tap(channel: ConsumingChannelLike, client: Client): void {
    this.#clients.add(client);
    if (TAPPED in channel) return;
    Object.defineProperty(channel, TAPPED, { value: true });
    const tapped = new TappedChannel(channel, {
      onChange: (consumer) => this.#changed(consumer, client),
      onFailed: (queue, error) =>
        this.#log.error(
          `"${queue}" is not consumed: ${error instanceof Error ? error.message : String(error)}`,
        ),
      onRefused: (wanted) => this.onRefused({ wanted, client: client.name }),
      onClosed: (closed) => this.#channels.delete(closed),
      gate: this.gate,
    });
    this.#channels.set(tapped, client);
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

  /** What was delivered and not settled yet. */
  unsettled(client?: Client): Unsettled[] {
    return this.channelsOf(client).flatMap(({ unsettled }) => [...unsettled.values()]);
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
      consumed.detachedSince = isAttached
        ? undefined
        : (consumed.detachedSince ?? performance.now());
      queues.set(queue, consumed);
    }
    if (status === 'cancelled') this.onCancelled(consumer, client);
  }
}
