import {
  NEST_PACKET,
  Publisher,
  PublisherClosedError,
  PublisherConfigurationError,
  PublishError,
  type OutboundMessage,
  type PublishOutcome,
} from '@acme/nest-message-context';
import { OptionsCheck, show, within, type Duration } from '@acme/nest-message-context/kit';
import { lastValueFrom, type Observable } from 'rxjs';

/** The part of a `ClientProxy` of `@nestjs/microservices` that is used. */
export interface ClientProxyLike {
  connect(): Promise<unknown>;
  emit(pattern: unknown, data: unknown): Observable<unknown>;
}

/** Options of `ClientProxyPublisher`. */
export interface ClientProxyPublisherOptions {
  /** The injected client. It stays the application's, which closes it. */
  readonly client: ClientProxyLike;
  /**
   * `'handed-over'` accepts that a message counts as confirmed, and leaves the outbox, when the client's `emit()` completes.
   * Kafka has it then (`acks`); MQTT has it with QoS 1 or 2; Redis and NATS may have had no subscriber; TCP has written it to a
   * socket.
   */
  readonly confirmed: 'handed-over';
  /**
   * What is given to `emit(type, data)`, such as a record of Nest's with headers. Message id and headers are not sent otherwise.
   * `payload` is decoded.
   * @default (message) => message.payload
   */
  readonly toData?: ((message: OutboundMessage) => unknown) | undefined;
  /**
   * How long the client may take to take a message.
   * @default '10s'
   */
  readonly publishTimeout?: Duration | undefined;
}

/**
 * Publishes through a `ClientProxy` of `@nestjs/microservices` for any transport but RabbitMQ, for which there is
 * `ClientRmqPublisher` of `@acme/nest-rabbitmq`. Calls a message confirmed when the client has taken it: what that is worth is
 * the transport's business.
 */
export class ClientProxyPublisher extends Publisher {
  readonly #client: ClientProxyLike;
  readonly #toData: (message: OutboundMessage) => unknown;
  readonly #timeoutMs: number;
  readonly #underWay = new Set<Promise<unknown>>();
  #closed = false;

  /** @throws {PublisherConfigurationError} listing every wrong option */
  constructor(options: ClientProxyPublisherOptions) {
    super();
    const { client } = (options as ClientProxyPublisherOptions | undefined) ?? NOTHING;
    const misfit = misfitOf(client);
    if (misfit) throw new PublisherConfigurationError(NAME, [misfit]);
    const check = new OptionsCheck();
    check.known('', options, ['client', 'confirmed', 'toData', 'publishTimeout']);
    if (options.confirmed !== 'handed-over') {
      check.problems.push(
        `confirmed: ${show(options.confirmed)}. This client is not one for RabbitMQ, and cannot tell whether the broker has a message; give confirmed: 'handed-over' if it is enough that the client has taken it.`,
      );
    }
    const { toData = ({ payload }: OutboundMessage) => payload } = options;
    if (typeof toData !== 'function')
      check.problems.push(`toData: ${show(toData)} is no function.`);
    this.#client = client;
    this.#toData = toData;
    this.#timeoutMs = check.timeout('publishTimeout', options.publishTimeout, '10s');
    if (check.problems.length > 0) throw new PublisherConfigurationError(NAME, check.problems);
  }

  /** @throws {PublisherClosedError} after `close()` */
  async publish(messages: readonly OutboundMessage[]): Promise<PublishOutcome[]> {
    this.#assertOpen();
    return this.#waitedFor(Promise.all(messages.map((message) => this.#emit(message))));
  }

  /** @throws {PublisherClosedError} after `close()` */
  override publishEach(
    messages: readonly OutboundMessage[],
    told: (index: number, outcome: PublishOutcome) => void,
  ): void {
    this.#assertOpen();
    for (const [index, message] of messages.entries())
      void this.#waitedFor(this.#emit(message).then((outcome) => told(index, outcome)));
  }

  /** Waits for what is under way, at most `publishTimeout`. The client stays open. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#underWay);
  }

  #assertOpen(): void {
    if (!this.#closed) return;
    throw new PublisherClosedError(
      'The publisher was closed. Publish before the application shuts down.',
    );
  }

  /** By `close()`. */
  #waitedFor<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work);
    return work.finally(() => this.#underWay.delete(work));
  }

  async #emit(message: OutboundMessage): Promise<PublishOutcome> {
    let pattern: unknown;
    let data: unknown;
    try {
      [pattern, data] = this.#packetOf(message);
    } catch (error) {
      return { status: 'rejected', error: error as Error };
    }
    try {
      const timeoutMs = this.#timeoutMs;
      const handedOver = lastValueFrom(this.#client.emit(pattern, data), {
        defaultValue: null,
      });
      await within(timeoutMs, handedOver, () => {
        return new PublishError('TIMEOUT', `The client did not take it within ${timeoutMs} ms.`);
      });
      return { status: 'confirmed' };
    } catch (cause) {
      return { status: 'unknown', error: toError(cause) };
    }
  }

  #packetOf(message: OutboundMessage): [pattern: unknown, data: unknown] {
    const { type, exchange, routingKey } = message;
    if (exchange !== undefined || routingKey !== undefined) {
      throw invalid(
        `"${type}" names an exchange or a routing key, and this client sends by the type alone. Leave them out, or publish to RabbitMQ.`,
      );
    }
    const payload = decoded(message);
    const isPacket = message.contentType === NEST_PACKET;
    const packet = isPacket ? (payload as NestPacket) : { pattern: type, data: payload };
    const data = this.#toData({ ...message, payload: packet.data });
    if (data !== undefined && data !== null) return [packet.pattern, data];
    throw invalid(`"${type}" has no data, and Nest refuses to send that. Give it a payload.`);
  }
}

const NAME = 'ClientProxyPublisher';

const NOTHING = {} as ClientProxyPublisherOptions;

function misfitOf(client: unknown): string | undefined {
  const { emit, connect, getService } = (client ?? {}) as Record<string, unknown>;
  if (typeof getService === 'function')
    return 'client: is one for gRPC, which has no events. Give a client of a broker.';
  if (isClientRmq(client))
    return 'client: is one for RabbitMQ, and its emit() calls a message sent that no queue got. Give new ClientRmqPublisher({ client }) of @acme/nest-rabbitmq, which publishes over the same connection with confirms.';
  if (typeof emit === 'function' && typeof connect === 'function') return undefined;
  return `client: ${show(client)} has no emit() and connect(). Give the injected ClientProxy: forRootAsync({ inject: ['ORDERS'], useFactory: (client) => … }).`;
}

/** Told by its fields: the class cannot be imported without making `@nestjs/microservices` a dependency of everybody. */
const isClientRmq = (client: unknown): boolean =>
  typeof client === 'object' &&
  client !== null &&
  ['replyQueue', 'queueOptions', 'queue'].every((field) => field in client);

/** What `OutboxClientProxy` adds: the client makes its own of it. */
interface NestPacket {
  readonly pattern: unknown;
  readonly data: unknown;
}

/** Stored messages are bytes; a client of Nest serialises values. */
function decoded({ payload, contentType }: OutboundMessage): unknown {
  if (!(payload instanceof Uint8Array) || !/[/+]json\b/i.test(contentType ?? '')) return payload;
  return JSON.parse(new TextDecoder().decode(payload)) as unknown;
}

const invalid = (message: string): PublishError => new PublishError('INVALID', message);

/** Clients of Nest reject with text, too. */
function toError(cause: unknown): Error {
  if (cause instanceof PublishError) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  return new PublishError('CONNECTION_LOST', `The client did not take the message: ${text}`, {
    cause,
  });
}
