import type { FactoryProvider, InjectionToken } from '@nestjs/common';
import type { OutboundMessage } from '@acme/nest-message-context';
import { Outbox } from '../outbox.js';
import { OutboxMessageInvalidError, OutboxUnsupportedError } from '../outbox.errors.js';
import { fromPublishOptions, type PublishOptionsLike } from './publish-options.js';

/** What an `OutboxAmqpConnection` takes over from the configuration of the connection that it replaces. */
export interface OutboxAmqpConnectionOptions {
  /** The `serializer` of golevelup's configuration, where it has one. */
  readonly serializer?: ((value: unknown) => Uint8Array) | undefined;
  /** The `defaultPublishOptions` of golevelup's configuration, where it has some. */
  readonly defaultPublishOptions?: object | undefined;
  /** Messages of one key keep their order. */
  readonly key?:
    ((message: unknown, exchange: string, routingKey: string) => string | undefined) | undefined;
}

/**
 * Stands in for an `AmqpConnection` of `@golevelup/nestjs-rabbitmq` where events are published: `publish()` adds to the
 * outbox, within the open transaction.
 *
 * Refusals (no transaction, an option that cannot be kept) are thrown by `publish()` at once, for few look at what it
 * returns. Await that inside the transaction: one that ends while a message is still being written is rolled back.
 */
export class OutboxAmqpConnection {
  constructor(
    private readonly outbox: Outbox,
    private readonly options: OutboxAmqpConnectionOptions = {},
  ) {}

  /**
   * Resolves with true when the message is written; it leaves when the transaction has committed. The AMQP property `type` is
   * `options.type`, by default the routing key.
   *
   * @throws {OutboxTransactionRequiredError} outside a transaction
   * @throws {OutboxMessageInvalidError} when the message could never be published, or not with these options
   */
  publish(
    exchange: string,
    routingKey: string,
    message: unknown,
    options: PublishOptionsLike = {},
  ): Promise<boolean> {
    return this.outbox.take(this.#toMessage(exchange, routingKey, message, options));
  }

  /** @throws {OutboxUnsupportedError} always: its reply could come only after the commit */
  request(): never {
    throw new OutboxUnsupportedError(
      'OutboxAmqpConnection.request(): a request cannot wait in an outbox, for its reply would come after the commit. Inject the AmqpConnection of golevelup itself for requests.',
    );
  }

  #toMessage(
    exchange: string,
    routingKey: string,
    message: unknown,
    options: object,
  ): OutboundMessage {
    const { serializer, defaultPublishOptions, key } = this.options;
    const problems: string[] = [];
    const fields = fromPublishOptions({ ...defaultPublishOptions, ...options }, problems);
    if (problems.length > 0) throw new OutboxMessageInvalidError(problems);
    const isValue = message !== undefined && message !== null && !(message instanceof Uint8Array);
    return {
      ...fields,
      // To a fanout exchange the routing key may be empty; an event has a name all the same.
      type: fields.type ?? (routingKey || exchange),
      exchange,
      routingKey,
      // Nothing is an empty body, as with golevelup.
      payload: isValue && serializer ? serializer(message) : (message ?? new Uint8Array()),
      ...(key ? { key: key(message, exchange, routingKey) } : {}),
    };
  }
}

/**
 * A provider that gives an `OutboxAmqpConnection` to whoever injects `token`, which is the class `AmqpConnection` or what a
 * named one is injected by: put it into `providers` of the modules that publish. Handlers of golevelup, and an `OutboxModule`
 * that publishes over its connection, keep the real one.
 *
 * @param outbox token of the outbox; the default one's by default
 */
export function provideOutboxAmqpConnection(
  token: InjectionToken,
  options: OutboxAmqpConnectionOptions = {},
  outbox: InjectionToken = Outbox,
): FactoryProvider<OutboxAmqpConnection> {
  return {
    provide: token,
    inject: [outbox],
    useFactory: (found: Outbox) => new OutboxAmqpConnection(found, options),
  };
}
