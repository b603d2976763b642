import { EventEmitter } from 'node:events';
import { RabbitMqPublisher, type RabbitMqPublisherOptions } from '@acme/nest-rabbitmq';

type Connection = Awaited<ReturnType<RabbitMqPublisherOptions['connect']>>;

/** As `amqplib` names it when something is asked of what is closed. */
function illegalOperation(): Error {
  return Object.assign(new Error('Channel closed'), { name: 'IllegalOperationError' });
}

/** A channel that keeps what is written, until the test confirms it. */
export class FakeChannel extends EventEmitter {
  readonly written: string[] = [];
  readonly #confirms: ((error: Error | null) => void)[] = [];
  isClosed = false;
  /** Told with each message: the next one has to wait for `drain`. */
  isFull = false;

  publish(
    _exchange: string,
    routingKey: string,
    _content: Buffer,
    _options: object,
    confirm: (error: Error | null) => void,
  ): boolean {
    if (this.isClosed) throw illegalOperation();
    this.written.push(routingKey);
    this.#confirms.push(confirm);
    return !this.isFull;
  }

  confirmAll(): void {
    for (const confirm of this.#confirms.splice(0)) confirm(null);
  }

  checkExchange = async () => {};
  close = async () => {};
}

/** A connection of `amqplib` as far as the publisher sees it: closing it twice is an error there, too. */
export class FakeConnection extends EventEmitter {
  readonly channel = new FakeChannel();
  closes = 0;
  /** Set by a test that says when it is closed. */
  closing: Promise<void> | undefined;

  createConfirmChannel = async () => this.channel;
  createChannel = async () => new FakeChannel();

  close(): Promise<void> {
    this.closes += 1;
    if (this.closes > 1) return Promise.reject(illegalOperation());
    return this.closing ?? Promise.resolve();
  }
}

/** A publisher, and every connection it has opened. */
export function fakePublisher(options: Partial<RabbitMqPublisherOptions> = {}) {
  const connections: FakeConnection[] = [];
  const publisher = new RabbitMqPublisher({
    connect: async () => {
      const connection = new FakeConnection();
      connections.push(connection);
      return connection as unknown as Connection;
    },
    ...options,
  });
  return { publisher, connections };
}
