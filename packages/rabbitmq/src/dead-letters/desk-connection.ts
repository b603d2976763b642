import { within } from '@acme/nest-message-context/kit';
import { brokerFactsOf, type BrokerFacts } from '../core/broker-facts.js';
import type { AmqpTakingChannelLike, AmqpTakingConnectionLike } from '../publisher/amqp-like.js';
import { codeOf, queueExists, REFUSED } from '../publisher/broker-words.js';
import { closeAndSever } from '../publisher/close-and-sever.js';
import { onOwnChannel } from '../publisher/own-channel.js';
import { InterruptedError, QueueUnavailableError } from '../rabbitmq.errors.js';

/** How a connection for looking is opened. */
export interface DeskSettings {
  readonly connect: () => PromiseLike<AmqpTakingConnectionLike>;
  /** For each answer of the broker. */
  readonly timeoutMs: number;
}

interface SocketLike {
  readonly stream?: { setNoDelay?(on: boolean): void };
}

/** A connection of one look or one run alone: what goes wrong with it disturbs nobody else. */
export class DeskConnection {
  readonly facts: BrokerFacts;
  #failure: unknown;
  #tell: ((error: Error) => void) | undefined;

  private constructor(
    private readonly connection: AmqpTakingConnectionLike,
    readonly timeoutMs: number,
  ) {
    // An `error` without a listener ends the process.
    connection.on('error', (error) => this.#lost(error));
    connection.on('close', (error) => this.#lost(error));
    const below = connection.connection as
      ({ readonly serverProperties?: unknown } & SocketLike) | undefined;
    this.facts = brokerFactsOf(below?.serverProperties);
    // An ack and the next question are two small packets: the second would wait 40 ms for the receipt of the first.
    below?.stream?.setNoDelay?.(true);
  }

  /**
   * @throws {InterruptedError} when there is no answer in time
   * @throws what `connect` throws
   */
  static async open({ connect, timeoutMs }: DeskSettings): Promise<DeskConnection> {
    const opening = Promise.resolve().then(connect);
    let isLate = false;
    opening.then(
      (late) => void (isLate && closeAndSever(timeoutMs, late)),
      () => {},
    );
    const connection = await within(timeoutMs, opening, () => {
      isLate = true;
      return new InterruptedError(`There was no connection to the broker within ${timeoutMs} ms.`);
    });
    return new DeskConnection(connection, timeoutMs);
  }

  /** Told once, when the connection or its channel has ended by itself. */
  onLost(tell: (error: Error) => void): void {
    this.#tell = tell;
  }

  /** A channel to look into that queue, and what the broker says of it. */
  async channel(queue: string) {
    const channel = await this.ask(queue, () => this.connection.createChannel());
    channel.on('error', (error) => this.#lost(error));
    return { channel, state: await this.ask(queue, () => channel.checkQueue(queue)) };
  }

  /** On a channel that nobody minds losing. */
  hasQueue(queue: string): Promise<boolean> {
    return this.aside(queue, (channel) => queueExists(channel, queue));
  }

  /** @throws {QueueUnavailableError} when it is one */
  async assertNoStream(queue: string): Promise<void> {
    await this.aside(queue, async (channel) => {
      try {
        // What it may have got goes back with the channel.
        await channel.get(queue);
      } catch (error) {
        // A quorum queue with a single active consumer, which is no stream.
        if (codeOf(error) !== REFUSED.locked) throw error;
      }
    });
  }

  /** Does something on a channel of its own, which the broker may close for it. @throws as `ask` does */
  aside<T>(what: string, work: (channel: AmqpTakingChannelLike) => Promise<T>): Promise<T> {
    return this.ask(what, () => onOwnChannel(this.connection, work));
  }

  /** Ready messages; what was given back comes a moment later. */
  async ready(queue: string): Promise<number> {
    const { channel, state } = await this.channel(queue);
    await this.ask(queue, () => channel.close());
    return state.messageCount;
  }

  /**
   * Waits for an answer of the broker.
   *
   * @throws {QueueUnavailableError} when it refuses
   * @throws {InterruptedError} when there is none
   */
  async ask<T>(queue: string, question: () => PromiseLike<T>): Promise<T> {
    try {
      // A closed channel throws at once.
      const answer = Promise.resolve().then(question);
      return await within(this.timeoutMs, answer, () => this.#silent(queue));
    } catch (error) {
      // The connection says why it ended, a turn after what was asked has ended with it.
      await new Promise((done) => setImmediate(done));
      throw this.told(queue, error);
    }
  }

  close(): Promise<void> {
    return closeAndSever(this.timeoutMs, this.connection);
  }

  #lost(error: unknown): void {
    this.#failure ??= error;
    this.#tell?.(error instanceof Error ? error : new Error('it was closed'));
  }

  #silent(queue: string): InterruptedError {
    return new InterruptedError(
      `The broker did not answer within ${this.timeoutMs} ms while it was asked for "${queue}".`,
    );
  }

  /** What an error of the broker means to whoever looks. */
  told(queue: string, error: unknown): Error {
    if (error instanceof InterruptedError || error instanceof QueueUnavailableError) return error;
    const cause = codeOf(error) === undefined ? (this.#failure ?? error) : error;
    const refusal = REFUSALS[codeOf(cause) ?? 0]?.(JSON.stringify(queue));
    const said = cause instanceof Error ? cause.message : String(cause);
    if (refusal !== undefined) return new QueueUnavailableError(`${refusal} (${said})`, { cause });
    if (codeOf(cause) === REFUSED.preconditionFailed)
      return new InterruptedError(
        `The broker has taken back what was held of "${queue}": it was held for longer than the broker's ack timeout, 30 minutes as a rule. (${said})`,
        { cause },
      );
    return new InterruptedError(`The connection to the broker was lost: ${said}`, { cause });
  }
}

const REFUSALS: Readonly<Record<number, (queue: string) => string>> = {
  [REFUSED.access]: (queue) =>
    `Queue ${queue} cannot be looked into: this user may not read it, or a consumer has it exclusively. Grant the right, or stop that one.`,
  [REFUSED.notFound]: (queue) =>
    `There is no queue ${queue} where this connection leads. See the name (a dead-letter queue is <queue>.dlq) and the virtual host.`,
  [REFUSED.locked]: (queue) =>
    `Queue ${queue} cannot be looked into: it is exclusive to another connection.`,
  540: (queue) =>
    `Queue ${queue} cannot be looked into: it is a stream, which gives messages to subscribers only. Read it by a consumer with x-stream-offset.`,
};
