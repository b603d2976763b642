import type { AmqpConnectionManagerLike } from './amqp-like.js';
import { AmqpPublisher, type AmqpPublishingOptions } from './amqp-publisher.js';
import { ConnectionLender } from './borrowed-connection.js';

/** The part of an `AmqpConnection` of `@golevelup/nestjs-rabbitmq` that is used. */
export interface GolevelupConnectionLike {
  readonly managedConnection: AmqpConnectionManagerLike;
}

/** Options of `GolevelupPublisher`. */
export interface GolevelupPublisherOptions extends AmqpPublishingOptions {
  /** The injected `AmqpConnection`. It stays the module's, which closes it. */
  readonly connection: GolevelupConnectionLike;
}

/**
 * Publishes to RabbitMQ over the connection of an `AmqpConnection` of `@golevelup/nestjs-rabbitmq`, with confirms and
 * `mandatory`, on a channel of its own: what golevelup's `publish()` keeps in memory during an outage, and sends by itself
 * afterwards, would be sent twice.
 *
 * After an outage, `connectionManagerOptions: { reconnectTimeInSeconds }` of golevelup says how soon it connects again (5). A
 * broker that blocks publishers then blocks this application's consumers, too: `RabbitMqPublisher` has its own connection.
 */
export class GolevelupPublisher extends AmqpPublisher {
  readonly #lender: ConnectionLender;

  /** @throws {PublisherConfigurationError} listing every wrong option */
  constructor(options: GolevelupPublisherOptions) {
    const manager = managerOf(
      (options as Partial<GolevelupPublisherOptions> | undefined)?.connection,
    );
    const lender = new ConnectionLender(() => manager);
    super(
      {
        publisher: 'GolevelupPublisher',
        example: '{ connection: amqpConnection }',
        connect: async () => lender.borrow(),
        options: ['connection'],
        problems: manager
          ? []
          : [
              'connection: has no managedConnection. Give the AmqpConnection that @golevelup/nestjs-rabbitmq provides (forRootAsync with inject: [AmqpConnection]), or one whose init() was awaited.',
            ],
      },
      options,
    );
    this.#lender = lender;
  }

  override async close(): Promise<void> {
    await super.close();
    this.#lender.end();
  }
}

function managerOf(connection: unknown): AmqpConnectionManagerLike | undefined {
  const { managedConnection } = (connection ?? {}) as Partial<GolevelupConnectionLike>;
  return typeof managedConnection?.on === 'function' ? managedConnection : undefined;
}
