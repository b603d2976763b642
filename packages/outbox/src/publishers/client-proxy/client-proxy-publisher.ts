import { Publisher, type OutboundMessage, type PublishOutcome } from '@acme/nest-message-context';
import { OptionsCheck, show } from '../../core/options-check.js';
import type { BrokerInfo } from '../../observability/broker-info.js';
import { PublisherConfigurationError } from '../../outbox.errors.js';
import type { OutboxPublisher } from '../../outbox.options.js';
import type { AmqpPublishingOptions } from '../amqp/amqp-publisher.js';
import { isClientRmq, type ClientProxyLike } from './client-like.js';
import { ClientRmqPublisher } from './client-rmq-publisher.js';
import { HandOverPublisher } from './hand-over-publisher.js';

/**
 * Options of `ClientProxyPublisher`. Those of `AmqpPublishingOptions` are for `Transport.RMQ`; there, `exchange` is by default
 * where `client.emit()` sends, and `envelope` is `'nest'`. Other transports know `publishTimeout` only.
 */
export interface ClientProxyPublisherOptions extends AmqpPublishingOptions {
  /** The injected client. It stays the application's, which closes it. */
  readonly client: ClientProxyLike;
  /**
   * Needed with every transport but RabbitMQ: `'handed-over'` accepts that a message counts as confirmed, and leaves the
   * outbox, when the client's `emit()` completes. Kafka has it then (`acks`); MQTT has it with QoS 1 or 2; Redis and NATS may
   * have had no subscriber; TCP has written it to a socket.
   */
  readonly confirmed?: 'handed-over' | undefined;
  /**
   * Not with RabbitMQ: what is given to `emit(type, data)`, such as a record of Nest's with headers. Message id and headers
   * are not sent otherwise. `payload` is decoded.
   * @default (message) => message.payload
   */
  readonly toData?: ((message: OutboundMessage) => unknown) | undefined;
}

type Inner = OutboxPublisher & Required<Pick<OutboxPublisher, 'publishEach' | 'close'>>;

/**
 * Publishes through a `ClientProxy` of `@nestjs/microservices`.
 *
 * With `Transport.RMQ` messages go where `client.emit()` sends them, in the same envelope, over the client's connection; but
 * with confirms and `mandatory`, persistent, with message id and headers, on a channel of its own: `emit()` itself calls a
 * message sent that no queue got, and keeps in memory, and sends by itself later, what it failed to send.
 */
export class ClientProxyPublisher extends Publisher {
  /** For spans and metrics; undefined where it is not RabbitMQ. */
  readonly broker: BrokerInfo | undefined;
  readonly #inner: Inner;

  /** @throws {PublisherConfigurationError} listing every wrong option */
  constructor(options: ClientProxyPublisherOptions) {
    super();
    const { client } = (options as ClientProxyPublisherOptions | undefined) ?? NOTHING;
    const misfit = misfitOf(client);
    if (misfit) throw new PublisherConfigurationError(NAME, [misfit]);
    this.#inner = isClientRmq(client)
      ? new ClientRmqPublisher(client, options, {
          publisher: NAME,
          example: '{ client }',
          options: ['client'],
        })
      : handOver(options);
    this.broker = this.#inner.broker;
  }

  /** @throws {PublisherConfigurationError} when messages could never be confirmed */
  async prepare(): Promise<void> {
    await this.#inner.prepare?.();
  }

  /** @throws {PublisherClosedError} after `close()` */
  publish(messages: readonly OutboundMessage[]): Promise<PublishOutcome[]> {
    return this.#inner.publish(messages);
  }

  /** @throws {PublisherClosedError} after `close()` */
  override publishEach(
    messages: readonly OutboundMessage[],
    told: (index: number, outcome: PublishOutcome) => void,
  ): void {
    this.#inner.publishEach(messages, told);
  }

  /** Waits for what is under way, at most `publishTimeout`. The client stays open. */
  close(): Promise<void> {
    return this.#inner.close();
  }
}

const NAME = 'ClientProxyPublisher';

const NOTHING = {} as ClientProxyPublisherOptions;

function misfitOf(client: unknown): string | undefined {
  const { emit, connect, getService } = (client ?? {}) as Record<string, unknown>;
  if (typeof getService === 'function')
    return 'client: is one for gRPC, which has no events. Give a client of a broker.';
  if (typeof emit === 'function' && typeof connect === 'function') return undefined;
  return `client: ${show(client)} has no emit() and connect(). Give the injected ClientProxy: forRootAsync({ inject: ['ORDERS'], useFactory: (client) => … }).`;
}

function handOver(options: ClientProxyPublisherOptions): HandOverPublisher {
  const check = new OptionsCheck();
  check.known('', options, ['client', 'confirmed', 'toData', 'publishTimeout']);
  if (options.confirmed !== 'handed-over') {
    check.problems.push(
      `confirmed: ${show(options.confirmed)}. This client is not one for RabbitMQ, and cannot tell whether the broker has a message; give confirmed: 'handed-over' if it is enough that the client has taken it.`,
    );
  }
  const { toData = ({ payload }: OutboundMessage) => payload } = options;
  if (typeof toData !== 'function') check.problems.push(`toData: ${show(toData)} is no function.`);
  const timeoutMs = check.timeout('publishTimeout', options.publishTimeout, '10s');
  if (check.problems.length > 0) throw new PublisherConfigurationError(NAME, check.problems);
  return new HandOverPublisher(options.client, toData, timeoutMs);
}
