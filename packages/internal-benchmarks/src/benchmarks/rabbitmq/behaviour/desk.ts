import { setTimeout as pause } from 'node:timers/promises';
import { connect, type Channel, type ChannelModel, type Options } from 'amqplib';
import type { Place } from './contestant.js';
import { RETRY } from './retry.js';
import { ASK, PATTERN, type Task } from './task.js';

/** What a caller got. */
export interface Answer {
  /** Undefined: none in time. */
  readonly body: string | undefined;
  readonly ms: number;
}

const DEAD_LETTERS = { durable: true, arguments: { 'x-queue-type': 'quorum' } };

/** An operator's, a sender's and a caller's hand at the broker. Each time on a connection of its own: brokers restart here. */
export class Desk {
  constructor(
    private readonly place: Place,
    private readonly form: 'plain' | 'packet',
  ) {}

  get deadLetters(): string {
    return `${this.place.queue}.dlq`;
  }

  /** Everybody's dead letters, and the waiting ones of ours. */
  get forFailures(): string[] {
    return [this.deadLetters, waitQueueOf(this.place.queue)];
  }

  /** The queue, and the one for what fails for good. */
  declare(): Promise<void> {
    const { queue, queueOptions } = this.place;
    return this.#onChannel(async (channel) => {
      await channel.assertQueue(queue, queueOptions);
      await channel.assertQueue(this.deadLetters, DEAD_LETTERS);
    });
  }

  delete(...queues: string[]): Promise<void> {
    return this.#onChannel(async (channel) => {
      for (const queue of queues) await channel.deleteQueue(queue);
    });
  }

  consumers(): Promise<number> {
    const { queue } = this.place;
    return this.#onChannel(async (channel) => (await channel.checkQueue(queue)).consumerCount);
  }

  depth(queue: string): Promise<number> {
    return this.#onChannel(async (channel) => (await channel.checkQueue(queue)).messageCount);
  }

  async publish(tasks: readonly Task[], pattern = PATTERN): Promise<void> {
    await this.#onConnection(async (connection) => {
      const channel = await connection.createConfirmChannel();
      for (const task of tasks)
        channel.sendToQueue(
          this.place.queue,
          this.#content(pattern, task),
          this.#options(task.id, pattern),
        );
      await channel.waitForConfirms();
    });
  }

  async publishRaw(id: string, content: Buffer): Promise<void> {
    await this.#onConnection(async (connection) => {
      const channel = await connection.createConfirmChannel();
      channel.sendToQueue(this.place.queue, content, this.#options(id));
      await channel.waitForConfirms();
    });
  }

  /** Sends a request and waits for its reply. */
  ask(task: Task, withinMs: number): Promise<Answer> {
    return this.#onChannel(async (channel) => {
      const start = performance.now();
      const reply = new Promise<string>((resolve) => {
        const take = (message: { content: Buffer } | null): void =>
          resolve(message?.content.toString() ?? '');
        void channel.consume(REPLY_TO, take, { noAck: true }).then(() =>
          channel.sendToQueue(this.place.queue, this.#content(ASK, task), {
            ...this.#options(task.id, ASK),
            replyTo: REPLY_TO,
            correlationId: task.id,
          }),
        );
      });
      const body = await Promise.race([reply, pause(withinMs, undefined)]);
      return { body, ms: performance.now() - start };
    });
  }

  /** Takes everything out of the queues, and gives the ids. What was not settled is back as soon as its consumer is gone. */
  empty(): Promise<{ parked: string[]; left: string[] }> {
    const { queue } = this.place;
    return this.#onChannel(async (channel) => ({
      left: [
        ...(await this.#taken(channel, queue)),
        ...(await this.#taken(channel, waitQueueOf(queue))),
      ],
      parked: await this.#taken(channel, this.deadLetters),
    }));
  }

  /** The codes that dead letters have for a reason, where they have one. They stay where they are. */
  reasons(): Promise<(string | undefined)[]> {
    return this.#onChannel(async (channel) => {
      const codes: (string | undefined)[] = [];
      // What is not acked is given back when the channel ends.
      for (let message; (message = await channel.get(this.deadLetters));)
        codes.push(message.properties.headers?.['x-error-code'] as string | undefined);
      return codes;
    });
  }

  remove(): Promise<void> {
    return this.delete(this.place.queue, ...this.forFailures);
  }

  async #taken(channel: Channel, queue: string): Promise<string[]> {
    const isThere = await this.depth(queue).then(
      () => true,
      () => false,
    );
    return isThere ? taken(channel, queue) : [];
  }

  #content(pattern: string, task: Task): Buffer {
    // Nest tells requests by the id in its packets.
    const packet = { pattern, data: task, ...(pattern === ASK ? { id: task.id } : {}) };
    return Buffer.from(JSON.stringify(this.form === 'plain' ? task : packet));
  }

  #options(messageId: string, pattern = PATTERN): Options.Publish {
    const options = { persistent: true, messageId, contentType: 'application/json' };
    return this.form === 'plain' ? { ...options, type: pattern } : options;
  }

  #onChannel<T>(work: (channel: Channel) => Promise<T>): Promise<T> {
    return this.#onConnection(async (connection) => {
      const channel = await connection.createChannel();
      // The broker closes it for what it refuses; whoever asked is told by the answer.
      channel.on('error', () => {});
      return work(channel);
    });
  }

  async #onConnection<T>(work: (connection: ChannelModel) => Promise<T>): Promise<T> {
    const connection = await connect(this.place.directUrl);
    connection.on('error', () => {});
    try {
      return await work(connection);
    } finally {
      await connection.close().catch(() => {});
    }
  }
}

const REPLY_TO = 'amq.rabbitmq.reply-to';

/** Of ours. */
const waitQueueOf = (queue: string): string => `${queue}.retry.${RETRY.pauseMs}`;

async function taken(channel: Channel, queue: string): Promise<string[]> {
  const ids: string[] = [];
  // A broker that has just lost a consumer gives its messages back a moment later.
  for (let misses = 0; misses < 5;) {
    const message = await channel.get(queue, { noAck: true });
    if (message) ids.push(String(message.properties.messageId));
    else {
      misses += 1;
      await pause(50);
    }
  }
  return ids;
}
