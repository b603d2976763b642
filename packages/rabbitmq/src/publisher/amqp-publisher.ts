import {
  Publisher,
  PublisherClosedError,
  PublisherConfigurationError,
  PublishError,
  type OutboundMessage,
  type PublishOutcome,
} from '@acme/nest-message-context';
import {
  backoffMs,
  isMisfit,
  OptionsCheck,
  show,
  within,
  type Duration,
} from '@acme/nest-message-context/kit';
import { Logger } from '@nestjs/common';
import { toFrame, type AmqpFrame, type Envelope, type FrameDefaults } from './amqp-frame.js';
import type { AmqpConnectionLike } from './amqp-like.js';
import { ConfirmLink, type Told } from './confirm-link.js';

/** How messages are handed to RabbitMQ, whoever opens the connection. */
export interface AmqpPublishingOptions {
  /**
   * Exchange of messages that name none.
   * @default '' (the broker's default exchange: the routing key is the name of a queue)
   */
  readonly exchange?: string | undefined;
  /**
   * How the body says what it is. `'plain'`: it is the payload, and the AMQP property `type` names it, for consumers of every
   * language. `'nest'`: it is `{ pattern, data }`, which stock `Transport.RMQ` consumers of NestJS expect, and `type` is not
   * set; a payload of bytes that are no JSON is rejected.
   * @default 'plain'
   */
  readonly envelope?: Envelope | undefined;
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

/** What a publisher does its own way. */
export interface AmqpSource {
  /** In the errors of its options. */
  readonly publisher: string;
  /** Opens a connection for this publisher alone; called again whenever the last one is lost. */
  connect(): PromiseLike<AmqpConnectionLike>;
  /** The least that it is made with. */
  readonly example: string;
  /** Names of its own options. */
  readonly options: readonly string[];
  /** What is wrong with them. */
  readonly problems: readonly string[];
  readonly envelope?: Envelope | undefined;
  readonly defaults?: Partial<FrameDefaults> | undefined;
}

const OPTIONS = ['exchange', 'envelope', 'publishTimeout', 'window', 'maxMessageBytes'];

const RECONNECT = { initialMs: 100, maxMs: 5_000 };

/**
 * Publishes to RabbitMQ with confirms and `mandatory`, on a channel of its own.
 *
 * Keeps nothing in memory for later: when the connection is lost, everything under way ends as `unknown`, and it is the
 * caller's to publish it again.
 */
export abstract class AmqpPublisher extends Publisher {
  /** For spans and metrics. */
  readonly broker: { readonly system: 'rabbitmq'; readonly exchange: string };
  readonly #name: string;
  readonly #connect: () => PromiseLike<AmqpConnectionLike>;
  readonly #defaults: FrameDefaults;
  readonly #timeoutMs: number;
  readonly #window: number;
  #link: Promise<ConfirmLink> | undefined;
  /** The same once it is open. */
  #ready: ConfirmLink | undefined;
  #failedConnects = 0;
  #notBefore = 0;
  #lastError: unknown;
  #closed = false;

  /** @throws {PublisherConfigurationError} listing every wrong option */
  protected constructor(source: AmqpSource, options: AmqpPublishingOptions) {
    super();
    const known = [...source.options, ...OPTIONS];
    if (isMisfit(options, known))
      throw new PublisherConfigurationError(source.publisher, [
        `${show(options)} instead of options. Give new ${source.publisher}(${source.example}).`,
      ]);
    const check = new OptionsCheck();
    const { problems } = check;
    check.known('', options, known);
    problems.push(...source.problems);
    const { exchange = '', envelope = source.envelope ?? 'plain' } = options;
    if (typeof exchange !== 'string')
      problems.push(`exchange: ${show(exchange)} is not a name. Give a string.`);
    if (envelope !== 'plain' && envelope !== 'nest')
      problems.push(`envelope: ${show(envelope)} is unknown. Give 'plain' or 'nest'.`);
    this.#name = source.publisher;
    this.#connect = () => source.connect();
    this.#timeoutMs = check.timeout('publishTimeout', options.publishTimeout, '10s');
    this.#window = check.count('window', options.window, 2_000);
    const { MAX_SAFE_INTEGER } = Number;
    this.#defaults = {
      exchange,
      envelope,
      maxMessageBytes: check.count(
        'maxMessageBytes',
        options.maxMessageBytes,
        16_777_216,
        MAX_SAFE_INTEGER,
      ),
      ...source.defaults,
    };
    this.broker = { system: 'rabbitmq', exchange: this.#defaults.exchange };
    if (problems.length > 0) throw new PublisherConfigurationError(source.publisher, problems);
  }

  /**
   * Opens the connection, so that one without publisher confirms is found at boot. That there is no broker now is no error;
   * a line in the log says so.
   *
   * @throws {PublisherConfigurationError} when messages could never be confirmed
   */
  async prepare(): Promise<void> {
    try {
      await this.#open();
    } catch (error) {
      const { cause, message } = error as Error;
      if (cause instanceof PublisherConfigurationError) throw cause;
      new Logger(this.#name).warn(`${message} Messages wait until it answers.`);
    }
  }

  /** @throws {PublisherClosedError} after `close()` */
  async publish(messages: readonly OutboundMessage[]): Promise<PublishOutcome[]> {
    this.#assertOpen();
    return new Promise((done) => {
      const outcomes: PublishOutcome[] = [];
      let left = messages.length;
      if (left === 0) done(outcomes);
      this.publishEach(messages, (index, outcome) => {
        outcomes[index] = outcome;
        left -= 1;
        if (left === 0) done(outcomes);
      });
    });
  }

  /** @throws {PublisherClosedError} after `close()` */
  override publishEach(messages: readonly OutboundMessage[], told: Told): void {
    this.#assertOpen();
    const sent = this.#ready ? this.#sendReady(this.#ready, messages, told) : 0;
    if (sent < messages.length) void this.#sendPatiently(messages, sent, told);
  }

  /** Waits for what is under way, at most `publishTimeout`, and closes the connection, for which the broker has as long. */
  async close(): Promise<void> {
    this.#closed = true;
    const link = await this.#link?.catch(() => undefined);
    await link?.close();
  }

  #assertOpen(): void {
    if (!this.#closed) return;
    throw new PublisherClosedError(
      'The publisher was closed. Publish before the application shuts down.',
    );
  }

  /** The usual way: without a promise, as long as nothing has to be waited for. Returns how many were dealt with. */
  #sendReady(link: ConfirmLink, messages: readonly OutboundMessage[], told: Told): number {
    for (let index = 0; index < messages.length; index += 1) {
      if (!link.isAlive || !link.canSend) return index;
      const frame = this.#frame(messages[index] as OutboundMessage);
      if ('status' in frame) told(index, frame);
      else if (!link.hasExchange(frame.exchange)) return index;
      else link.send(frame, index, told);
    }
    return messages.length;
  }

  /** In their order, each when there is room for it. */
  async #sendPatiently(
    messages: readonly OutboundMessage[],
    from: number,
    told: Told,
  ): Promise<void> {
    // Of all of them together: one after the other, a thousand would wait a thousand times as long.
    const deadline = performance.now() + this.#timeoutMs;
    let link: ConfirmLink;
    try {
      link = await this.#open();
    } catch (error) {
      for (let index = from; index < messages.length; index += 1)
        told(index, { status: 'unknown', error: error as Error });
      return;
    }
    for (let index = from; index < messages.length; index += 1) {
      const frame = this.#frame(messages[index] as OutboundMessage);
      const obstacle = 'status' in frame ? frame : await this.#obstacle(link, frame, deadline);
      if (obstacle) told(index, obstacle);
      else link.send(frame as AmqpFrame, index, told);
    }
  }

  #frame(message: OutboundMessage): AmqpFrame | PublishOutcome {
    try {
      return toFrame(message, this.#defaults);
    } catch (error) {
      return { status: 'rejected', error: error as Error };
    }
  }

  /** Waits until the message may be sent; what keeps it from being sent is its outcome. */
  async #obstacle(
    link: ConfirmLink,
    { exchange }: AmqpFrame,
    deadline: number,
  ): Promise<PublishOutcome | undefined> {
    try {
      const problem = link.checkExchange(exchange);
      const error = problem instanceof Promise ? await this.#inTime(problem, deadline) : problem;
      if (error) return { status: 'rejected', error };
    } catch (error) {
      return { status: 'unknown', error: error as Error };
    }
    while (link.isAlive && !link.canSend) {
      const left = deadline - performance.now();
      if (left <= 0) return link.noRoom();
      await link.room(left);
    }
    return undefined;
  }

  #inTime<T>(answer: Promise<T>, deadline: number): Promise<T> {
    const message = `The broker did not answer within ${this.#timeoutMs} ms.`;
    return within(
      Math.max(0, deadline - performance.now()),
      answer,
      () => new PublishError('TIMEOUT', message),
    );
  }

  #open(): Promise<ConfirmLink> {
    if (this.#link) return this.#link;
    if (performance.now() < this.#notBefore) return Promise.reject(this.#notConnected());
    const link = this.#establish();
    this.#link = link;
    link.then(
      (ready) => {
        this.#failedConnects = 0;
        if (this.#link === link) this.#ready = ready;
      },
      (error: unknown) => {
        this.#lastError = error;
        this.#failedConnects += 1;
        this.#notBefore =
          performance.now() + backoffMs(this.#failedConnects, RECONNECT, Math.random());
        if (this.#link === link) this.#link = undefined;
      },
    );
    return link;
  }

  async #establish(): Promise<ConfirmLink> {
    let late = false;
    let dead = false;
    const opening = (async () => {
      const connection = await this.#connect();
      this.#assertConfirms(connection);
      const link = await ConfirmLink.open(connection, {
        window: this.#window,
        timeoutMs: this.#timeoutMs,
        onDead: () => {
          dead = true;
          if (!late) this.#link = this.#ready = undefined;
        },
      });
      if (late || this.#closed) await link.discard();
      return link;
    })();
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

  #assertConfirms(connection: AmqpConnectionLike | undefined): void {
    const { createConfirmChannel } = (connection ?? {}) as Partial<AmqpConnectionLike>;
    if (typeof createConfirmChannel === 'function') return;
    throw new PublisherConfigurationError(this.#name, [
      'the connection has no createConfirmChannel(), so nothing could ever be confirmed. Give one of amqplib: () => amqplib.connect(url).',
    ]);
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
