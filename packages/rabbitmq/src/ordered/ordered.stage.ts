import { Inject, Injectable, Logger } from '@nestjs/common';
import {
  handlerName,
  NonRetryableError,
  type Arrivals,
  type BodyCall,
  type BodyStageService,
  type StageHandler,
} from '@acme/nest-message-context';
import type { Client } from '../consumers/consumers.js';
import { UNORDERED } from '../core/order-key.js';
import { watchOf } from '../observability/watched-delivery.js';
import { Blocking } from './blocking.js';
import { EarlyPlaces } from './early-places.js';
import { comesAgain, heldOf, leave, notBegun, turnOf, type Held } from './held.js';
import { keyOf } from './key-of.js';
import { OrderBook } from './order-book.js';
import { problemsOfOrdered } from './ordered-check.js';
import { OrderedClients } from './ordered-clients.js';
import type { RmqOrderedOptions } from './ordered.options.js';
import type { WatchedOrder } from './watched-order.js';

type Call = BodyCall<RmqOrderedOptions>;

/** What `@RmqOrdered()` does around a handler. */
@Injectable()
export class OrderedStage implements BodyStageService<RmqOrderedOptions> {
  readonly #overtaken = new Set<string | undefined>();
  readonly #log = new Logger('RabbitMqModule');

  constructor(
    @Inject(Blocking) private readonly blocking: Blocking,
    @Inject(OrderBook) private readonly book: OrderBook,
    @Inject(OrderedClients) private readonly clients: OrderedClients,
    @Inject(EarlyPlaces) private readonly early: EarlyPlaces,
  ) {}

  check(handler: StageHandler<RmqOrderedOptions>): readonly string[] {
    const problems = problemsOfOrdered(handler, this.book);
    if (problems.length === 0) this.early.know(handler.handler, handler.options);
    return problems;
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
    const order = this.book.open(message, call.handler, key);
    const place = client.take(message, arrival, key, order?.number);
    const held = this.early.reached(delivery) ?? heldOf(message, arrival, key, client.pauses);
    client.shutdown.waits(delivery);
    try {
      let turn = await turnOf(place, held);
      // One that is lost comes again: parked as well, it would be there twice.
      if (turn === 'go' && order && !arrival.isLost) turn = await order.admit(place, held);
      if (turn === 'give-back') await client.shutdown.giveBack(delivery);
      if (turn === 'give-back' || arrival.isLost) throw notBegun(key);
      client.shutdown.begins(delivery);
      watchOf(delivery)?.begins();
      const result = await client.shutdown.running(() => this.#run(call, held, next, order));
      if (held.goesBack) await client.shutdown.giveBack(delivery);
      return result;
    } catch (error) {
      if (held.goesBack) await client.shutdown.giveBack(delivery);
      throw error;
    } finally {
      // Until somebody carries out what becomes of it, where another handler of it may have failed: if that stops its key, the next one
      // has to know.
      if (order && !comesAgain(held)) arrival.whenLeft(() => place.leave());
      else leave(place, held);
    }
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
    return this.clients.of(delivery).shutdown.isWaiting(delivery) || this.book.isStaying(delivery);
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

const unordered = ({ handler, context: { message } }: Call): Error =>
  new NonRetryableError(UNORDERED.unknown, {
    message: `ORDER_UNKNOWN: "${message.name}" came to ${handlerName(handler)} by ${message.transport}, where nobody knows its place in the order of a queue. Take @RmqOrdered() off, or have it come by RabbitMQ.`,
  });
