import { Publisher, type OutboundMessage, type PublishOutcome } from '@acme/nest-message-context';
import { backoffMs } from '../../core/backoff.js';
import type { Duration } from '../../core/duration.js';
import { OptionsCheck, show } from '../../core/options-check.js';
import { within } from '../../core/within.js';
import {
  PublisherClosedError,
  PublisherConfigurationError,
  PublishError,
} from '../../outbox.errors.js';
import { toFrame, type AmqpFrame } from './amqp-frame.js';
import type { AmqpConnectionLike } from './amqp-like.js';
import { ConfirmLink } from './confirm-link.js';

/** Options of `RabbitMqPublisher`. */
export interface RabbitMqPublisherOptions {
  /**
   * Opens a connection, for this publisher alone: `() => amqplib.connect(url)`. Called again whenever the last one is lost.
   * A `?heartbeat=10` in the URL finds a dead peer sooner than the broker's default of 60 s.
   */
  readonly connect: () => PromiseLike<AmqpConnectionLike>;
  /**
   * Exchange of messages that name none.
   * @default '' (the broker's default exchange: the routing key is the name of a queue)
   */
  readonly exchange?: string | undefined;
  /**
   * How long a message may take from the hand-over to the confirm, connecting included.
   * @default '10s'
   */
  readonly publishTimeout?: Duration | undefined;
  /**
   * Messages on their way at once.
   * @default 2000
   */
  readonly window?: number | undefined;
  /**
   * Larger messages are rejected here: the broker would close the channel. The default is that of RabbitMQ 4.
   * @default 16777216
   */
  readonly maxMessageBytes?: number | undefined;
}

const OPTIONS = ['connect', 'exchange', 'publishTimeout', 'window', 'maxMessageBytes'];

const RECONNECT = { initialMs: 100, maxMs: 5_000 };

/**
 * Publishes to RabbitMQ with confirms and `mandatory`, on a connection of its own.
 *
 * Keeps nothing in memory for later: when the connection is lost, everything under way ends as `unknown`, and it is the
 * caller's to publish it again.
 */
export class RabbitMqPublisher extends Publisher {
  readonly #connect: () => PromiseLike<AmqpConnectionLike>;
  readonly #exchange: string;
  readonly #timeoutMs: number;
  readonly #window: number;
  readonly #maxMessageBytes: number;
  #link: Promise<ConfirmLink> | undefined;
  #failedConnects = 0;
  #notBefore = 0;
  #lastError: unknown;
  #closed = false;

  /** @throws {PublisherConfigurationError} listing every wrong option */
  constructor(options: RabbitMqPublisherOptions) {
    super();
    const { connect, exchange = '' } = options;
    const check = new OptionsCheck();
    const { problems } = check;
    check.known('', options, OPTIONS);
    if (typeof connect !== 'function')
      problems.push('connect: not a function. Give () => amqplib.connect(url).');
    if (typeof exchange !== 'string')
      problems.push(`exchange: ${show(exchange)} is not a name. Give a string.`);
    this.#connect = connect;
    this.#exchange = exchange;
    this.#timeoutMs = check.duration('publishTimeout', options.publishTimeout, '10s');
    this.#window = check.count('window', options.window, 2_000);
    this.#maxMessageBytes = check.count(
      'maxMessageBytes',
      options.maxMessageBytes,
      16_777_216,
      Number.MAX_SAFE_INTEGER,
    );
    if (problems.length > 0) throw new PublisherConfigurationError('RabbitMqPublisher', problems);
  }

  /** @throws {PublisherClosedError} after `close()` */
  async publish(messages: readonly OutboundMessage[]): Promise<PublishOutcome[]> {
    if (this.#closed) {
      throw new PublisherClosedError(
        'The publisher was closed. Publish before the application shuts down.',
      );
    }
    let link: ConfirmLink;
    try {
      link = await this.#open();
    } catch (error) {
      return messages.map(() => ({ status: 'unknown', error: error as Error }));
    }
    const outcomes: Promise<PublishOutcome>[] = [];
    for (const message of messages) {
      const frame = this.#frame(message);
      const obstacle = 'status' in frame ? frame : await this.#obstacle(link, frame);
      outcomes.push(obstacle ? Promise.resolve(obstacle) : link.send(frame as AmqpFrame));
    }
    return Promise.all(outcomes);
  }

  /** Waits for what is under way, at most `publishTimeout`, and closes the connection, for which the broker has as long. */
  async close(): Promise<void> {
    this.#closed = true;
    const link = await this.#link?.catch(() => undefined);
    await link?.close();
  }

  #frame(message: OutboundMessage): AmqpFrame | PublishOutcome {
    try {
      return toFrame(message, this.#exchange, this.#maxMessageBytes);
    } catch (error) {
      return { status: 'rejected', error: error as Error };
    }
  }

  /** Waits until the message may be sent; what keeps it from being sent is its outcome. */
  async #obstacle(link: ConfirmLink, { exchange }: AmqpFrame): Promise<PublishOutcome | undefined> {
    try {
      const problem = link.checkExchange(exchange);
      const error = problem instanceof Promise ? await this.#inTime(problem) : problem;
      if (error) return { status: 'rejected', error };
    } catch (error) {
      return { status: 'unknown', error: error as Error };
    }
    const deadline = performance.now() + this.#timeoutMs;
    while (link.isAlive && !link.canSend) {
      if (performance.now() >= deadline) return link.noRoom();
      await link.room();
    }
    return undefined;
  }

  #inTime<T>(answer: Promise<T>): Promise<T> {
    const message = `The broker did not answer within ${this.#timeoutMs} ms.`;
    return within(this.#timeoutMs, answer, () => new PublishError('TIMEOUT', message));
  }

  #open(): Promise<ConfirmLink> {
    if (this.#link) return this.#link;
    if (performance.now() < this.#notBefore) return Promise.reject(this.#notConnected());
    const link = this.#establish();
    this.#link = link;
    link.then(
      () => (this.#failedConnects = 0),
      (error: unknown) => {
        this.#lastError = error;
        this.#failedConnects += 1;
        this.#notBefore =
          performance.now() + backoffMs(this.#failedConnects, RECONNECT, Math.random());
        this.#link = undefined;
      },
    );
    return link;
  }

  async #establish(): Promise<ConfirmLink> {
    let late = false;
    let dead = false;
    const opening = Promise.resolve(this.#connect()).then(async (connection) => {
      const link = await ConfirmLink.open(connection, {
        window: this.#window,
        timeoutMs: this.#timeoutMs,
        onDead: () => {
          dead = true;
          if (!late) this.#link = undefined;
          connection.close().then(undefined, () => {});
        },
      });
      if (late || this.#closed) await link.discard();
      return link;
    });
    try {
      const link = await within(this.#timeoutMs, opening, () => {
        late = true;
        return new Error(`no connection within ${this.#timeoutMs} ms`);
      });
      if (dead) throw new Error('the connection was lost while it was opened');
      return link;
    } catch (error) {
      this.#lastError = error;
      throw this.#notConnected();
    }
  }

  #notConnected(): PublishError {
    const cause = this.#lastError instanceof PublishError ? this.#lastError.cause : this.#lastError;
    return new PublishError(
      'NOT_CONNECTED',
      `There is no connection to the broker: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}
