import type { TestBroker } from '@acme/internal-testing';
import type { Consumer, ConsumerOptions, Open } from './consumers.js';

/** What a test needs of a consumer: names of its own, applications that are closed behind it, and messages for them. */
export class ConsumerGround {
  readonly name: string;
  readonly queue: string;
  readonly exchange: string;

  static #count = 0;
  static readonly #started: Consumer[] = [];

  /** After each test: golevelup registers the handlers of one application at a time. */
  static async closeAll(): Promise<void> {
    for (const consumer of ConsumerGround.#started.splice(0)) await consumer.close();
  }

  /** @param suffixes of what is declared beside the queue, for the fixture to delete */
  constructor(
    private readonly broker: TestBroker,
    private readonly open: Open,
    what: string,
    suffixes: readonly string[] = [],
  ) {
    this.name = `${what}-${(ConsumerGround.#count += 1)}.orders`;
    this.queue = broker.name(this.name);
    this.exchange = broker.name(`${this.name}.events`);
    for (const suffix of suffixes) broker.name(`${this.name}.${suffix}`);
  }

  /** Opens a consumer; what it handles succeeds unless something else is said. */
  readonly start = async (options: Partial<ConsumerOptions> = {}): Promise<Consumer> => {
    const { broker, queue, exchange } = this;
    const consumer = await this.open({ broker, queue, exchange, handle: () => {}, ...options });
    ConsumerGround.#started.push(consumer);
    return consumer;
  };

  readonly publish = async (...ids: readonly string[]): Promise<void> => {
    const channel = await this.broker.confirmChannel();
    for (const messageId of ids)
      channel.publish(this.exchange, 'placed', Buffer.from('{}'), { type: 'placed', messageId });
    await channel.waitForConfirms();
    await channel.close();
  };
}
