import {
  PublisherClosedError,
  PublisherConfigurationError,
  PublishError,
  type PublishOutcome,
} from '@acme/nest-message-context';
import { backoffMs, within } from '@acme/nest-message-context/kit';
import { Logger } from '@nestjs/common';
import type { AmqpFrame } from './amqp-frame.js';
import { textOf } from '../core/read-safely.js';
import type { AmqpChannelLike, AmqpConnectionLike } from './amqp-like.js';
import { unopened } from './broker-words.js';
import { ConfirmLink, type Told } from './confirm-link.js';

export interface SenderSettings {
  /** In errors and in the log. */
  readonly name: string;
  /** Opens a connection for this sender alone; called again whenever the last one is lost. */
  readonly connect: () => PromiseLike<AmqpConnectionLike>;
  /** From the hand-over to the confirm, connecting included. */
  readonly timeoutMs: number;
  /** Messages on their way at once. */
  readonly window: number;
}

/** The frame of the message at that index, or why there is none. */
type FrameAt = (index: number) => AmqpFrame | PublishOutcome;

const RECONNECT = { initialMs: 100, maxMs: 5_000 };

/**
 * Sends frames with confirms and `mandatory`, and tells what became of each. Connects when it is first used, and again when the
 * connection is lost; what was under way ends as `unknown` then, and is forgotten.
 */
export class ConfirmedSender {
  #link: Promise<ConfirmLink> | undefined;
  /** The same once it is open. */
  #ready: ConfirmLink | undefined;
  #failedConnects = 0;
  #notBefore = 0;
  #lastError: unknown;
  #closed = false;
  #closing: Promise<void> | undefined;

  constructor(private readonly settings: SenderSettings) {}

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
      new Logger(this.settings.name).warn(
        `${message.replace(/\.?$/, '.')} What is to be published waits until it answers.`,
      );
    }
  }

  /**
   * Sends so many frames in their order, and tells each outcome as soon as it is known.
   *
   * @throws {PublisherClosedError} after `close()`
   */
  send(count: number, frameAt: FrameAt, told: Told): void {
    if (this.#closed)
      throw new PublisherClosedError(
        'The publisher was closed. Publish before the application shuts down.',
      );
    const sent = this.#ready ? this.#sendReady(this.#ready, count, frameAt, told) : 0;
    if (sent < count) void this.#sendPatiently(sent, count, frameAt, told);
  }

  /**
   * Does something on a channel of its own, over the same connection. Where the broker closes the channel for it, nothing else is
   * disturbed.
   */
  async onChannel<T>(
    work: (channel: AmqpChannelLike, connection: AmqpConnectionLike) => Promise<T>,
  ): Promise<T> {
    const link = await this.#open();
    return within(this.settings.timeoutMs, link.onChannel(work), () => this.#tooSlow());
  }

  /** Waits for what is under way, at most `timeoutMs`, and closes the connection, for which the broker has as long. */
  close(): Promise<void> {
    this.#closed = true;
    return (this.#closing ??= (async () => {
      const link = await this.#link?.catch(() => undefined);
      await link?.close();
    })());
  }

  /** The usual way: without a promise, as long as nothing has to be waited for. Returns how many were dealt with. */
  #sendReady(link: ConfirmLink, count: number, frameAt: FrameAt, told: Told): number {
    for (let index = 0; index < count; index += 1) {
      if (!link.isAlive || !link.canSend) return index;
      const frame = frameAt(index);
      if ('status' in frame) told(index, frame);
      else if (!link.hasExchange(frame.exchange)) return index;
      else link.send(frame, index, told);
    }
    return count;
  }

  /** In their order, each when there is room for it. */
  async #sendPatiently(from: number, count: number, frameAt: FrameAt, told: Told): Promise<void> {
    // Of all of them together: one after the other, a thousand would wait a thousand times as long.
    const deadline = performance.now() + this.settings.timeoutMs;
    let link: ConfirmLink;
    try {
      link = await this.#open();
    } catch (error) {
      for (let index = from; index < count; index += 1)
        told(index, { status: 'unknown', error: error as Error });
      return;
    }
    for (let index = from; index < count; index += 1) {
      const frame = frameAt(index);
      const obstacle = 'status' in frame ? frame : await this.#obstacle(link, frame, deadline);
      if (obstacle) told(index, obstacle);
      else link.send(frame as AmqpFrame, index, told);
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
    return within(Math.max(0, deadline - performance.now()), answer, () => this.#tooSlow());
  }

  #tooSlow(): PublishError {
    const message = `The broker did not answer within ${this.settings.timeoutMs} ms.`;
    return new PublishError('TIMEOUT', message);
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
      const connection = await this.settings.connect();
      this.#assertConfirms(connection);
      const link = await ConfirmLink.open(connection, {
        window: this.settings.window,
        timeoutMs: this.settings.timeoutMs,
        onDead: () => {
          dead = true;
          if (!late) this.#link = this.#ready = undefined;
        },
      });
      if (late || this.#closed) await link.discard();
      return link;
    })();
    try {
      const link = await within(this.settings.timeoutMs, opening, () => {
        late = true;
        return new Error(`no connection within ${this.settings.timeoutMs} ms`);
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
    throw new PublisherConfigurationError(this.settings.name, [
      'the connection has no createConfirmChannel(), so nothing could ever be confirmed. Give one of amqplib: () => amqplib.connect(url).',
    ]);
  }

  #notConnected(): PublishError {
    const cause = this.#lastError instanceof PublishError ? this.#lastError.cause : this.#lastError;
    return new PublishError(
      'NOT_CONNECTED',
      `There is no connection to the broker: ${unopened(textOf(cause))}`,
      { cause },
    );
  }
}
