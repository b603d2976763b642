import {
  handlerName,
  HeaderNames,
  type AmqpDeliveryLike,
  type Arrival,
  type HandlerMethod,
  type HandlerRef,
  type InboundMessage,
  type OrderStore,
  type Settling,
} from '@acme/nest-message-context';
import { within } from '@acme/nest-message-context/kit';
import type { QueueNames } from '../consumers/queue-names.js';
import { readMessage } from '../core/envelopes.js';
import { LONGEST_HOLD_MS } from '../core/hold.js';
import { textIn } from '../core/hop-properties.js';
import { textOf } from '../core/read-safely.js';
import type { Unhandled } from '../settlement/broker-settlement.js';
import { KeyRecords } from './key-records.js';
import { keyOf } from './key-of.js';
import type { OrderWatch } from './order-watch.js';
import type { OrderedClients } from './ordered-clients.js';
import { WatchedOrder, type OrderParts } from './watched-order.js';

/** Parks a message: with what its copy has to carry, when it is its turn. */
type Parking = Pick<WatchedOrder, 'parked'>;

const SAID_EVERY_MS = 60_000;

// On the delivery itself: several handlers of an event have one, where they ask for the same.
const ORDERS = Symbol('orders');

interface Known {
  [ORDERS]?: WatchedOrder[];
}

/** Of a message, what its place in an order is found by. */
type Placed = Pick<InboundMessage, 'raw' | 'payload' | 'messageId'> & {
  readonly headers: Pick<InboundMessage['headers'], 'get'>;
};

type Headers = Readonly<Record<string, unknown>> | undefined;

interface BookParts extends Pick<OrderParts, 'observability' | 'log'> {
  readonly store: OrderStore | undefined;
  readonly clients: OrderedClients;
  readonly queueNames: Pick<QueueNames, 'of'>;
}

/** Knows of the keys whose order is watched beyond the process, and whose messages those are. */
export class OrderBook {
  readonly store: OrderStore | undefined;
  readonly records: KeyRecords;
  readonly #watches = new WeakMap<HandlerRef, OrderWatch>();
  readonly #staying = new WeakSet();
  readonly #parts: OrderParts;
  readonly #unnumbered = new Set<string>();
  readonly #unnamed = new Set<HandlerRef>();
  #saidAt = -Infinity;
  #isVolatileTold = false;

  constructor(private readonly parts: BookParts) {
    const { store, observability, log } = parts;
    this.store = store;
    this.records = new KeyRecords(store);
    this.#parts = {
      records: this.records,
      staying: this.#staying,
      observability,
      log,
      unkept: (error) => this.#tellUnkept(error),
    };
  }

  /** At boot, of every handler that asks for it. */
  watch(handler: HandlerRef, watch: OrderWatch): void {
    this.#watches.set(handler, watch);
    if (!this.store?.volatile || this.#isVolatileTold) return;
    this.#isVolatileTold = true;
    this.parts.log.warn(
      `The order store (${this.records.label}) forgets everything with this process: a key that is stopped goes on after a restart. Give IdempotencyModule a store that outlives it.`,
    );
  }

  /** A message that has come to its place; undefined where its order is known to this process alone. */
  open(message: InboundMessage, handler: HandlerRef, key: string): WatchedOrder | undefined {
    const watch = this.#watches.get(handler);
    if (!watch) return undefined;
    const queue = message.arrival?.among.queue;
    if (queue === undefined) {
      this.#tellUnnamed(handler);
      return undefined;
    }
    const orders = ((message.raw as Known)[ORDERS] ??= []);
    let order = orders.find((one) => one.key === key && one.isAskedBy(watch));
    if (!order) orders.push((order = this.#orderOf(message, queue, key, watch)));
    message.arrival?.whenLeft(order.opened());
    return order;
  }

  /** Once: with another connection its queue has another name, and nothing would be known of its keys. */
  #tellUnnamed(handler: HandlerRef): void {
    if (this.#unnamed.has(handler)) return;
    this.#unnamed.add(handler);
    this.parts.log.warn(
      `Of the keys of ${handlerName(handler)} nothing is known beyond this connection: the server has named its queue. Give the queue a name, or take sequence and onFailure: 'park-key' off.`,
    );
  }

  /** Who parks a message in the order of its key; undefined where it has none. To be asked before anything else is done about it. */
  parkingOf(
    { handler, queue, message }: Pick<Settling, 'handler' | 'queue' | 'message'>,
    delivery: AmqpDeliveryLike,
  ): Parking | undefined {
    const watch = handler && this.#watches.get(handler.handler);
    if (!watch || queue === undefined) return undefined;
    const known = (delivery as Known)[ORDERS]?.find((one) => one.isAskedBy(watch));
    if (known) return known;
    const order = this.#found(message, handler, queue, watch);
    const { arrival } = message;
    if (!order || !arrival) return order;
    return { parked: (publish) => this.#parkedInItsLane(message, arrival, order, publish) };
  }

  /** The same for what no handler has seen, and nobody has read. */
  parkingOfUnread({ delivery, handler, queue }: Unhandled): Parking | undefined {
    const watch = handler && this.#watches.get(handler.handler);
    if (!watch) return undefined;
    const { headers, messageId } = delivery.properties;
    const message: Placed = {
      raw: delivery,
      messageId,
      payload: payloadOf(delivery),
      headers: { get: (name) => headerIn(headers, name) },
    };
    return this.#found(message, handler, queue, watch);
  }

  /** Whether it goes back with its channel, where that is about to be closed. */
  isStaying(delivery: object): boolean {
    return this.#staying.has(delivery);
  }

  /** A guard or a pipe has refused it, before it had a place: it is parked behind those that were delivered before it. */
  async #parkedInItsLane<T>(
    message: InboundMessage,
    arrival: Arrival,
    order: WatchedOrder,
    publish: (carried: Record<string, string>) => Promise<T>,
  ): Promise<T> {
    const delivery = message.raw as object;
    this.#staying.add(delivery);
    await arrival.turn();
    const place = this.parts.clients.of(delivery).take(message, arrival, order.key, order.number);
    try {
      const turn = await within(LONGEST_HOLD_MS, Promise.resolve(place.turn), tooLong);
      // Back with its channel.
      if (turn === 'give-back') await new Promise<never>(() => {});
      return await order.parked(publish);
    } finally {
      place.leave();
    }
  }

  #found(
    message: Placed,
    { handler }: HandlerMethod,
    queue: string,
    watch: OrderWatch,
  ): WatchedOrder | undefined {
    // What a function reads are arguments, and there are none.
    if (typeof watch.key === 'function') return undefined;
    try {
      const context = { message } as Parameters<typeof keyOf>[0]['context'];
      const key = keyOf({ args: [], context }, watch.key);
      return this.#orderOf(message, queue, key, watch);
    } catch (error) {
      if (watch.stops)
        this.parts.log.warn(
          `A message of "${queue}" for ${handler.className}.${handler.methodName} is parked, and its key is not stopped: ${textOf(error)}`,
        );
      return undefined;
    }
  }

  #orderOf(message: Placed, queue: string, key: string, watch: OrderWatch): WatchedOrder {
    const raw = message.raw as AmqpDeliveryLike;
    const number = watch.sequence && this.#numberOf(message, queue, watch.sequence.header);
    const { messageId } = message;
    const { headers } = raw.properties;
    const place = { queue: this.parts.queueNames.of(queue, raw), key };
    const { pauses } = this.parts.clients.of(raw);
    const delivery = { raw, key: place, messageId, headers, number, pauses };
    return new WatchedOrder(this.#parts, watch, delivery);
  }

  #numberOf({ headers }: Placed, queue: string, header: string): number | undefined {
    const text = headers.get(header)?.trim();
    const number = text === undefined || text === '' ? Number.NaN : Number(text);
    if (Number.isSafeInteger(number)) return number;
    if (!this.#unnumbered.has(queue)) {
      this.#unnumbered.add(queue);
      this.parts.log.warn(
        `A message of "${queue}" has no whole number in its header "${header}" (${text ?? 'it is not there'}), so its sequence is not watched. Have its sender number the messages of a key: the outbox does with sequence: true (${HeaderNames.sequence}).`,
      );
    }
    return undefined;
  }

  #tellUnkept(error: unknown): void {
    const now = performance.now();
    if (now - this.#saidAt < SAID_EVERY_MS) return;
    this.#saidAt = now;
    this.parts.log.warn(
      `The order store (${this.records.label}) cannot be asked: ${textOf(error)}. Meanwhile handlers with onFailure: 'park-key' wait, and others handle messages without watching their numbers. See that the store can be reached.`,
    );
  }
}

const tooLong = (): Error =>
  new Error('it was not its turn for long to be parked among those of its key');

function payloadOf(delivery: AmqpDeliveryLike): unknown {
  try {
    return readMessage(delivery).data;
  } catch {
    return undefined;
  }
}

/** By its name in whatever case. */
function headerIn(headers: Headers, name: string): string | undefined {
  const found = Object.keys(headers ?? {}).find((one) => one.toLowerCase() === name.toLowerCase());
  const value = found === undefined ? undefined : headers?.[found];
  return typeof value === 'number' ? String(value) : textIn({ value }, 'value');
}
