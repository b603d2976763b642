import type { AmqpConnectionLike } from './amqp-like.js';
import { AmqpPublisher, type AmqpPublishingOptions } from './amqp-publisher.js';

/** Options of `RabbitMqPublisher`. */
export interface RabbitMqPublisherOptions extends AmqpPublishingOptions {
  /**
   * Opens a connection, for this publisher alone: `() => amqplib.connect(url)`. Called again whenever the last one is lost.
   * A `?heartbeat=10` in the URL finds a dead peer sooner than the broker's default of 60 s.
   */
  readonly connect: () => PromiseLike<AmqpConnectionLike>;
}

/**
 * Publishes to RabbitMQ with confirms and `mandatory`, on a connection of its own.
 *
 * Keeps nothing in memory for later: when the connection is lost, everything under way ends as `unknown`, and it is the
 * caller's to publish it again.
 */
export class RabbitMqPublisher extends AmqpPublisher {
  /** @throws {PublisherConfigurationError} listing every wrong option */
  constructor(options: RabbitMqPublisherOptions) {
    const connect = (options as RabbitMqPublisherOptions | undefined)?.connect;
    super(
      {
        publisher: 'RabbitMqPublisher',
        example: '{ connect: () => amqplib.connect(url) }',
        connect: () => options.connect(),
        options: ['connect'],
        problems:
          typeof connect === 'function'
            ? []
            : ['connect: not a function. Give () => amqplib.connect(url).'],
      },
      options,
    );
  }
}
