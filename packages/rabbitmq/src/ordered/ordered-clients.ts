import { Inject, Injectable } from '@nestjs/common';
import type { Arrival, Arrivals, InboundMessage } from '@acme/nest-message-context';
import { Pauses } from '@acme/nest-message-context/kit';
import { Consumers, type Client } from '../consumers/consumers.js';
import { KeyLanes, type Place } from '../core/key-lanes.js';
import { OrderlyShutdown } from './orderly-shutdown.js';

/** What of one client has an order. It may close while others go on: a server of several, a connection of golevelup. */
export class OrderedClient {
  readonly shutdown = new OrderlyShutdown();
  /** Over once it closes: nothing of it is waited for any more. */
  readonly pauses = new Pauses();
  /** Of each consumer: messages of different queues have no order among each other. */
  readonly #lanes = new Map<Arrivals, KeyLanes>();

  /** Takes a place in the lane of its key. To be called as soon as it is its turn among those that have arrived. */
  take(
    { raw, messageId: id, redelivered }: InboundMessage,
    { among }: Arrival,
    key: string,
    number: number | undefined,
  ): Place {
    return this.#lanesOf(among).take(key, { delivery: raw as object, id, redelivered, number });
  }

  haveQueue(queue: string): boolean {
    return [...this.#lanes.keys()].some((arrivals) => arrivals.queue === queue);
  }

  /** Nothing begins any more. Resolves when all that runs has ended. */
  release(): Promise<void> {
    const ended = this.shutdown.begin();
    for (const lanes of this.#lanes.values()) lanes.release();
    this.pauses.release();
    return ended;
  }

  #lanesOf(arrivals: Arrivals): KeyLanes {
    let lanes = this.#lanes.get(arrivals);
    if (!lanes) {
      this.#lanes.set(arrivals, (lanes = new KeyLanes()));
      if (this.shutdown.hasBegun) lanes.release();
    }
    return lanes;
  }
}

/** Of which client a message is, whose order is kept. */
@Injectable()
export class OrderedClients {
  readonly #all = new Map<Client | undefined, OrderedClient>();
  #isReleased = false;

  constructor(@Inject(Consumers) private readonly consumers: Pick<Consumers, 'clientOf'>) {}

  of(delivery: object): OrderedClient {
    return this.#of(this.consumers.clientOf(delivery));
  }

  /** Whether messages of this queue have an order here. */
  haveQueue(queue: string): boolean {
    return [...this.#all.values()].some((one) => one.haveQueue(queue));
  }

  /** One of them closes, or all do. Resolves when all that runs of it has ended. */
  async release(client?: Client): Promise<void> {
    this.#isReleased ||= client === undefined;
    const closing = client ? [this.#of(client)] : [...this.#all.values()];
    await Promise.all(closing.map((one) => one.release()));
  }

  #of(client: Client | undefined): OrderedClient {
    let one = this.#all.get(client);
    if (!one) {
      this.#all.set(client, (one = new OrderedClient()));
      if (this.#isReleased) void one.release();
    }
    return one;
  }
}
