import {
  decisionFor,
  type AmqpDeliveryLike,
  type FailedHandling,
  type HandlerMethod,
  type HandlerRef,
  type InboundMessage,
} from '@acme/nest-message-context';
import type { Place } from '../core/key-lanes.js';
import type { Blocking } from './blocking.js';
import { heldOf, leave, turnOf, type Held } from './held.js';
import { keyBefore } from './key-of.js';
import type { OrderBook } from './order-book.js';
import type { OrderedClient, OrderedClients } from './ordered-clients.js';
import type { OrderKeySource, RmqOrderedOptions } from './ordered.options.js';

/** A message that has failed before its handler was reached. */
interface Early {
  readonly handler: HandlerRef;
  readonly held: Held;
  readonly client: OrderedClient;
  /** Undefined until it has one, and once its handler has its own. */
  place: Place | undefined;
}

// On the delivery itself, as every message is asked for it. Null where its handler was reached.
const EARLY = Symbol('early');

interface Known {
  [EARLY]?: Early | null;
}

interface Parts {
  readonly blocking: Pick<Blocking, 'failed' | 'due' | 'remember'>;
  readonly clients: Pick<OrderedClients, 'of'>;
  readonly book: Pick<OrderBook, 'open'>;
}

/**
 * A message that fails in a guard or a pipe has no place yet, and would be overtaken at the broker. So it takes its place then, and is
 * tried again there, from its guards on, as its handler would be.
 */
export class EarlyPlaces {
  /** Of all handlers whose messages have an order; undefined where those that fail may be overtaken. */
  readonly #sources = new WeakMap<HandlerRef, OrderKeySource | undefined>();

  constructor(private readonly parts: Parts) {}

  /** At boot, of every handler. */
  know(handler: HandlerRef, { key, onFailure }: RmqOrderedOptions): void {
    this.#sources.set(handler, onFailure === 'skip' ? undefined : key);
  }

  isOrdered(method: HandlerMethod | undefined): boolean {
    return method !== undefined && this.#sources.has(method.handler);
  }

  /** Its handler has a place of its own from now on. What it has been through goes along. */
  reached(delivery: object): Held | undefined {
    const known = (delivery as Known)[EARLY];
    (delivery as Known)[EARLY] = null;
    if (!known) return undefined;
    known.place?.leave();
    known.place = undefined;
    return known.held;
  }

  /** Whether a message that has failed is handled once more, from its guards on. Resolves when it is time. */
  repeats({ message, handler, error }: FailedHandling): false | Promise<boolean> {
    const early = handler && this.#earlyOf(message, handler.handler);
    if (!early) return false;
    try {
      this.parts.blocking.failed(error, early.held);
    } catch {
      // Whoever settles it knows the error, and what was decided.
      if (!early.held.goesBack) return false;
    }
    (message.raw as Known)[EARLY] = early;
    return this.#again(early, error);
  }

  #earlyOf(message: InboundMessage, handler: HandlerRef): Early | undefined {
    const { arrival } = message;
    const delivery = message.raw as AmqpDeliveryLike;
    const known = (delivery as Known)[EARLY];
    if (known !== undefined || !arrival) return known ?? undefined;
    const source = this.#sources.get(handler);
    const key = source && keyBefore(message, source);
    if (key === undefined) return undefined;
    const client = this.parts.clients.of(delivery);
    const held = heldOf(message, arrival, key, client.pauses);
    return { handler, held, client, place: undefined };
  }

  async #again(early: Early, error: unknown): Promise<boolean> {
    const { held } = early;
    try {
      const mayGoOn = early.place !== undefined || (await this.#hasTurn(early));
      // Or somebody gives it back: to the place that it has now.
      if (!mayGoOn || held.goesBack) {
        this.parts.blocking.remember(held);
        return await giveBack(early);
      }
      await this.parts.blocking.due(held, error);
      return true;
    } catch (failure) {
      if (held.goesBack) return giveBack(early);
      // Its key is stopped, and it is parked for that.
      held.message.delivery.settle(decisionFor(failure));
      return false;
    }
  }

  /** Takes its place. Whether it may go on there: what its body asks before it begins is asked here as well, or it would go ahead of others. */
  async #hasTurn(early: Early): Promise<boolean> {
    const { handler, held, client } = early;
    const { message, arrival, key } = held;
    await arrival.turn();
    const order = this.parts.book.open(message, handler, key);
    const place = client.take(message, arrival, key, order?.number);
    early.place = place;
    // What becomes of it is being carried out then: where that stops its key, the next one has to know.
    arrival.whenLeft(() => early.place && leave(early.place, held));
    if (held.goesBack) return false;
    let turn = await turnOf(place, held);
    if (turn === 'go' && order && !arrival.isLost) turn = await order.admit(place, held);
    return turn === 'go' && !arrival.isLost;
  }
}

/** With its channel, where that is about to be closed. */
async function giveBack({ held, client }: Early): Promise<false> {
  const { delivery, raw } = held.message;
  held.goesBack = true;
  await client.shutdown.giveBack(raw as object);
  delivery.settle({ action: 'requeue' });
  return false;
}
