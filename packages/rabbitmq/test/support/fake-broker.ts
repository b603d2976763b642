import { EventEmitter } from 'node:events';
import type { DeadLettersOptions } from '@acme/nest-rabbitmq';

type Connection = Awaited<ReturnType<DeadLettersOptions['connect']>>;

/** A broker of any version with one queue, as amqplib shows it, that notes what it is told. */
export class FakeBroker {
  readonly told: string[] = [];
  readonly ready: string[];
  readonly held: string[] = [];
  connections = 0;
  closed = 0;
  /** What comes into the queue while a message is asked for. */
  comes: string[] = [];
  /** What each question waits for. */
  answers: Promise<void> = Promise.resolve();
  noDelay = false;

  constructor(
    readonly version: string,
    messages: readonly string[],
  ) {
    this.ready = [...messages];
  }

  readonly connect = async (): Promise<Connection> => {
    this.connections += 1;
    const connection = Object.assign(new EventEmitter(), {
      connection: {
        serverProperties: { product: 'RabbitMQ', version: this.version },
        stream: { setNoDelay: (on: boolean) => void (this.noDelay = on), destroy: () => {} },
      },
      createChannel: async () => this.#channel(),
      createConfirmChannel: () => Promise.reject(new Error('nothing is published here')),
      close: async () => {
        this.closed += 1;
        this.ready.unshift(...this.held.splice(0));
      },
    });
    return connection as unknown as Connection;
  };

  #channel() {
    return Object.assign(new EventEmitter(), {
      checkQueue: async () => {
        await this.answers;
        return { messageCount: this.ready.length, consumerCount: 0 };
      },
      prefetch: async () => this.answers,
      consume: async (_queue: string, onMessage: (message: object) => void) => {
        await this.answers;
        for (const content of this.ready.splice(0)) {
          this.held.push(content);
          const fields = { exchange: '', routingKey: 'q', deliveryTag: this.held.length };
          onMessage({ content: Buffer.from(content), fields, properties: { headers: {} } });
        }
      },
      cancel: async (tag: string) => void this.told.push(`cancel ${tag}`),
      get: async () => {
        await this.answers;
        this.ready.push(...this.comes.splice(0));
        return false;
      },
      ack: () => void this.told.push(`ack ${this.held.shift()}`),
      nackAll: (requeue: boolean) => {
        this.told.push(`nackAll ${requeue}`);
        this.ready.unshift(...this.held.splice(0));
      },
      close: async () => {
        if (this.held.length > 0) this.told.push('close with what is held');
        this.ready.unshift(...this.held.splice(0));
      },
    });
  }
}
