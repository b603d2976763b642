import { Inject, Injectable, Logger } from '@nestjs/common';
import {
  handlerName,
  NonRetryableError,
  Requeue,
  type Arrival,
  type Arrivals,
  type BodyCall,
  type BodyStageService,
  type HandlerRef,
  type StageHandler,
} from '@acme/nest-message-context';
import type { Client } from '../consumers/consumers.js';
import { LONGEST_HOLD_MS } from '../core/hold.js';
import type { Place, Turn } from '../core/key-lanes.js';
import { UNORDERED } from '../core/order-key.js';
import { watchOf } from '../observability/watched-delivery.js';
import { Blocking, type Held } from './blocking.js';
import { keyOf } from './key-of.js';
import { OrderBook } from './order-book.js';
import { problemsOfOrdered } from './ordered-check.js';
import { OrderedClients, type OrderedClient } from './ordered-clients.js';
import type { RmqOrderedOptions } from './ordered.options.js';
import type { WatchedOrder } from './watched-order.js';

type Call = BodyCall<RmqOrderedOptions>;

/** What `@RmqOrdered()` does around a handler. */
@Injectable()
export class OrderedStage implements BodyStageService<RmqOrderedOptions> {
  /** Deliveries that have not begun. */
  readonly #waiting = new WeakSet<object>();
  readonly #overtaken = new Set<string | undefined>();
  readonly #unnamed = new Set<HandlerRef>();
  readonly #log = new Logger('RabbitMqModule');

  constructor(
    @Inject(Blocking) private readonly blocking: Blocking,
    @Inject(OrderBook) private readonly book: OrderBook,
    @Inject(OrderedClients) private readonly clients: OrderedClients,
  ) {}

  check(handler: StageHandler<RmqOrderedOptions>): readonly string[] {
    return problemsOfOrdered(handler, this.book);
  }

  async around(call: Call, next: () => Promise<unknown>): Promise<unknown> {
    // A call by the application's own code is no delivery: whoever makes it has his order.
    if (call.role === 'method') return next();
    const { message } = call.context;
    const { arrival } = message;
    if (!arrival) throw unordered(call);
    if (arrival.isOvertaken) this.#tellOvertaken(arrival.among);
    const key = keyOf(call, call.options.key);
    await arrival.turn();
    const delivery = message.raw as object;
    const client = this.clients.of(delivery);
    const order = this.#orderOf(call, arrival, key);
    const place = client.lanesOf(arrival.among).take(key, {
      delivery,
      id: message.messageId,
      redelivered: message.redelivered,
      number: order?.number,
    });
    const held: Held = { message, arrival, key, pauses: client.pauses, goesBack: false };
    this.#waiting.add(delivery);
    try {
      let turn = await turnOf(place, held);
      // One that is lost comes again: parked as well, it would be there twice.
      if (turn === 'go' && order && !arrival.isLost) turn = await order.admit(place, held);
      if (turn === 'give-back') await this.#giveBack(delivery, client);
      if (turn === 'give-back' || arrival.isLost) throw notBegun(key);
      this.#waiting.delete(delivery);
      watchOf(delivery)?.begins();
      const result = await client.shutdown.running(() => this.#run(call, held, next, order));
      if (held.goesBack) await this.#giveBack(delivery, client);
      return result;
    } catch (error) {
      if (held.goesBack) await this.#giveBack(delivery, client);
      throw error;
    } finally {
      if (held.goesBack && !arrival.isLost) keepForAWhile(place);
      // Until somebody carries out what becomes of it, where another handler of it may have failed: if that stops its key, the next one
      // has to know.
      else if (order) arrival.whenLeft(() => place.leave());
      else place.leave();
    }
  }

  /** With its channel, where that is about to be closed: nacked it would come again, and then go back behind those behind it. */
  #giveBack(delivery: object, { shutdown }: OrderedClient): Promise<void> {
    if (shutdown.hasBegun) this.#waiting.add(delivery);
    return shutdown.giveBack();
  }

  #run(
    { options }: Call,
    held: Held,
    next: () => Promise<unknown>,
    order: WatchedOrder | undefined,
  ): Promise<unknown> {
    const run = () => (options.onFailure === 'skip' ? next() : this.blocking.run(held, next));
    return order ? order.around(held, run) : run();
  }

  #orderOf(
    { handler, context: { message } }: Call,
    { among: { queue } }: Arrival,
    key: string,
  ): WatchedOrder | undefined {
    const watch = this.book.watchOf(handler);
    if (!watch) return undefined;
    if (queue !== undefined) return this.book.open(message, queue, key, watch);
    // With another connection it has another name, and nothing would be known of its keys.
    if (!this.#unnamed.has(handler)) this.#log.warn(unnamed(handler));
    this.#unnamed.add(handler);
    return undefined;
  }

  /**
   * A client closes, or all do: nothing of it begins any more, and what waits goes back to its queue when all that runs has ended;
   * resolves then. Their consumers must not be cancelled before their channel is closed: a queue with a single active consumer would go on with
   * the next one, which would overtake what is here.
   */
  release(client?: Client): Promise<void> {
    return this.clients.release(client);
  }

  /** Whether messages of this queue have an order here. */
  isOf(queue: string): boolean {
    return this.clients.haveQueue(queue);
  }

  /** Whether a delivery waits for its turn, or to go back. */
  isWaiting(delivery: object): boolean {
    return this.#waiting.has(delivery) || this.book.isStaying(delivery);
  }

  /** Once: it would be said of every second message. */
  #tellOvertaken({ queue }: Arrivals): void {
    if (this.#overtaken.has(queue)) return;
    this.#overtaken.add(queue);
    this.#log.warn(
      `Messages of "${queue}" do not come in the order of their delivery, so it cannot be kept: its deserializer is asynchronous. Make it synchronous, and do what takes long in a pipe.`,
    );
  }
}

/** Not for longer than a broker leaves a delivery unsettled: what waits then goes back, and comes again to its place. */
async function turnOf({ turn }: Place, held: Held): Promise<Turn> {
  if (typeof turn === 'string') return turn;
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<Turn>((over) => {
    timer = setTimeout(() => {
      held.goesBack = true;
      over('give-back');
    }, LONGEST_HOLD_MS).unref();
  });
  try {
    return await Promise.race([turn, tooLong]);
  } finally {
    clearTimeout(timer);
  }
}

/** What goes back comes again at once, unless it was dropped or another consumer has it now. */
const RETURN_MS = 5_000;

function keepForAWhile(place: Place): void {
  place.keep();
  setTimeout(() => place.leave(), RETURN_MS).unref();
}

const notBegun = (key: string): Error =>
  new Requeue({
    message: `REQUEUE: given back before it was its turn among those of its key (${key})`,
  });

const unnamed = (handler: HandlerRef): string =>
  `Of the keys of ${handlerName(handler)} nothing is known beyond this connection: the server has named its queue. Give the queue a name, or take sequence and onFailure: 'park-key' off.`;

const unordered = ({ handler, context: { message } }: Call): Error =>
  new NonRetryableError(UNORDERED.unknown, {
    message: `ORDER_UNKNOWN: "${message.name}" came to ${handlerName(handler)} by ${message.transport}, where nobody knows its place in the order of a queue. Take @RmqOrdered() off, or have it come by RabbitMQ.`,
  });
