import { Publisher, type OutboundMessage, type PublishOutcome } from '@acme/nest-message-context';
import { lastValueFrom } from 'rxjs';
import { within } from '../../core/within.js';
import { PublisherClosedError, PublishError } from '../../outbox.errors.js';
import { NEST_PACKET } from '../amqp/amqp-frame.js';
import type { ClientProxyLike } from './client-like.js';

/** Calls a message confirmed when the client has taken it: what that is worth is the transport's business. */
export class HandOverPublisher extends Publisher {
  readonly #underWay = new Set<Promise<unknown>>();
  #closed = false;

  constructor(
    private readonly client: ClientProxyLike,
    private readonly toData: (message: OutboundMessage) => unknown,
    private readonly timeoutMs: number,
  ) {
    super();
  }

  async publish(messages: readonly OutboundMessage[]): Promise<PublishOutcome[]> {
    this.#assertOpen();
    return this.#waitedFor(Promise.all(messages.map((message) => this.#emit(message))));
  }

  override publishEach(
    messages: readonly OutboundMessage[],
    told: (index: number, outcome: PublishOutcome) => void,
  ): void {
    this.#assertOpen();
    for (const [index, message] of messages.entries())
      void this.#waitedFor(this.#emit(message).then((outcome) => told(index, outcome)));
  }

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
      const { timeoutMs } = this;
      const handedOver = lastValueFrom(this.client.emit(pattern, data), {
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
    const data = this.toData({ ...message, payload: packet.data });
    if (data !== undefined && data !== null) return [packet.pattern, data];
    throw invalid(`"${type}" has no data, and Nest refuses to send that. Give it a payload.`);
  }
}

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
