import {
  Publisher,
  PublisherConfigurationError,
  type OutboundMessage,
  type PublishOutcome,
} from '@acme/nest-message-context';
import { isMisfit, OptionsCheck, show, type Duration } from '@acme/nest-message-context/kit';
import { toFrame, type AmqpFrame, type Envelope, type FrameDefaults } from './amqp-frame.js';
import type { AmqpConnectionLike } from './amqp-like.js';
import type { Told } from './confirm-link.js';
import { ConfirmedSender } from './confirmed-sender.js';

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

/**
 * Publishes to RabbitMQ with confirms and `mandatory`, on a channel of its own.
 *
 * Keeps nothing in memory for later: when the connection is lost, everything under way ends as `unknown`, and it is the
 * caller's to publish it again.
 */
export abstract class AmqpPublisher extends Publisher {
  /** For spans and metrics. */
  readonly broker: { readonly system: 'rabbitmq'; readonly exchange: string };
  readonly #defaults: FrameDefaults;
  readonly #sender: ConfirmedSender;

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
    this.#sender = new ConfirmedSender({
      name: source.publisher,
      connect: () => source.connect(),
      timeoutMs: check.timeout('publishTimeout', options.publishTimeout, '10s'),
      window: check.count('window', options.window, 2_000),
    });
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
  prepare(): Promise<void> {
    return this.#sender.prepare();
  }

  /** @throws {PublisherClosedError} after `close()` */
  // Not async: a second promise for each call would cost as much as all else that is done here.
  publish(messages: readonly OutboundMessage[]): Promise<PublishOutcome[]> {
    return new Promise((done) => {
      const outcomes: PublishOutcome[] = [];
      let left = messages.length;
      this.publishEach(messages, (index, outcome) => {
        outcomes[index] = outcome;
        left -= 1;
        if (left === 0) done(outcomes);
      });
      if (messages.length === 0) done(outcomes);
    });
  }

  /** @throws {PublisherClosedError} after `close()` */
  override publishEach(messages: readonly OutboundMessage[], told: Told): void {
    this.#sender.send(
      messages.length,
      (index) => this.#frame(messages[index] as OutboundMessage),
      told,
    );
  }

  /** Waits for what is under way, at most `publishTimeout`, and closes the connection, for which the broker has as long. */
  close(): Promise<void> {
    return this.#sender.close();
  }

  #frame(message: OutboundMessage): AmqpFrame | PublishOutcome {
    try {
      return toFrame(message, this.#defaults);
    } catch (error) {
      return { status: 'rejected', error: error as Error };
    }
  }
}
