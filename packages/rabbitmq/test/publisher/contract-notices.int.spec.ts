import { testBroker, type TestBroker } from '@acme/internal-testing';
import {
  Publisher,
  PublisherClosedError,
  type OutboundMessage,
  type PublishOutcome,
} from '@acme/nest-message-context';
import { RabbitMqPublisher } from '@acme/nest-rabbitmq';
import { publisherContract } from '@acme/nest-message-context/testing';
import { openGolevelup } from '@acme/internal-testing/rmq';
import type { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import { connect } from 'amqplib';
import { beforeAll, describe, expect, it } from 'vitest';
import { publisherFixture } from '../support/publisher-fixture.js';

type Closable = Publisher & { close(): Promise<void> };

/** What one would write at first: golevelup's own `publish()`, and a time limit. */
class NaivePublisher extends Publisher {
  #closed = false;
  constructor(
    private readonly connection: AmqpConnection,
    private readonly timeoutMs: number,
  ) {
    super();
  }

  publish(messages: readonly OutboundMessage[]): Promise<PublishOutcome[]> {
    if (this.#closed) throw new PublisherClosedError('closed');
    return Promise.all(messages.map((message) => this.#publish(message)));
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  async #publish(message: OutboundMessage): Promise<PublishOutcome> {
    const { exchange = '', routingKey = message.type, payload, headers, type } = message;
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<PublishOutcome>((resolve) => {
      timer = setTimeout(resolve, this.timeoutMs, {
        status: 'unknown',
        error: new Error('timeout'),
      });
    });
    const published = Promise.resolve()
      .then(() =>
        this.connection.publish(exchange, routingKey, payload, { headers, type, persistent: true }),
      )
      .then(
        (): PublishOutcome => ({ status: 'confirmed' }),
        (error: Error): PublishOutcome => ({ status: 'unknown', error }),
      );
    return Promise.race([published, timeout]).finally(() => clearTimeout(timer));
  }
}

/** Helpful in the wrong place: what was told to be unknown is sent once more with the next call. */
class ResendingPublisher extends Publisher {
  #lost: OutboundMessage[] = [];
  constructor(private readonly inner: Closable) {
    super();
  }

  async publish(messages: readonly OutboundMessage[]): Promise<PublishOutcome[]> {
    const again = this.#lost.splice(0);
    const outcomes = await this.inner.publish([...again, ...messages]);
    this.#lost = [...again, ...messages].filter((_, n) => outcomes[n]?.status === 'unknown');
    return outcomes.slice(again.length);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}

describe('the publisher contract', () => {
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await testBroker();
  });

  const runner = (open: Parameters<typeof publisherFixture>[1]) => {
    const cases = publisherContract(() => publisherFixture(broker, open));
    return (start: string): Promise<void> =>
      cases.find(({ name }) => name.startsWith(start))!.run();
  };
  const naive = (timeoutMs: number) =>
    runner(async (url) => {
      const connection = await openGolevelup(url);
      const publisher = new NaivePublisher(connection, timeoutMs);
      return { publisher, dispose: () => connection.close() };
    });
  const resending = runner(async (url) => ({
    publisher: new ResendingPublisher(
      new RabbitMqPublisher({ connect: () => connect(url), publishTimeout: '1s' }),
    ),
  }));

  it('passes a publisher in what it does right', async () => {
    await expect(naive(30_000)('keeps the order of a call')).resolves.toBeUndefined();
    await expect(naive(30_000)('calls a message confirmed when it is')).resolves.toBeUndefined();
    await expect(resending('writes plain JSON')).resolves.toBeUndefined();
  });

  it.each([
    ['tells each message at its index', /the outcomes: found/],
    ['never calls a message confirmed that no queue got', /unroutable/],
    ['writes plain JSON', /the properties: found/],
    ['keeps nothing for later while there is no broker', /what arrived: found/],
  ])('notices what golevelup leaves undone: "%s …"', async (start, complaint) => {
    await expect(naive(100)(start)).rejects.toThrow(complaint);
  });

  it.each([
    ['tells of what the broker could not answer', /what arrived later: found/],
    ['sends nothing later that was lost on its way', /what arrived: found/],
    ['gives up on a message that nobody answers for', /what arrived: found/],
  ])('notices a second sending: "%s …"', async (start, complaint) => {
    await expect(resending(start)).rejects.toThrow(complaint);
  });
});
