import {
  replyHeaders,
  type AmqpDeliveryLike,
  type NonRetryableError,
} from '@acme/nest-message-context';
import { RmqContext, ServerRMQ, type MessageHandler } from '@nestjs/microservices';
import type { Observable } from 'rxjs';
import { isAdopted, type ConsumedByServer } from '../consumers/nest-servers.js';
import { queueTypeIn } from '../core/delivery-limit.js';
import { readMessage, routingKeyOf, type ReadMessage } from '../core/envelopes.js';
import { PlainReply, replyBytes, type ReplyPacket } from '../core/rpc-answer.js';
import { RabbitMqConfigurationError } from '../rabbitmq.errors.js';
import {
  nestOptionsOf,
  queuesOf,
  type ReliableRmqOptions,
  type ResolvedQueue,
} from './reliable-rmq.options.js';
import { codeOf } from '../publisher/broker-words.js';
import { setUpQueue, type SetUpChannelLike } from './set-up-queue.js';
import { noHandler, UNHANDLED_EVENT, UNHANDLED_REQUEST, unreadable } from './unhandled.js';

type Listening = (error?: unknown) => void;

/** What Nest 12 has, and 11 has not. */
type RequestHandling = Partial<
  Record<
    'handleRequest',
    (
      context: RmqContext,
      produce: () => Promise<Observable<unknown>>,
      respond: (data: unknown) => void,
    ) => Promise<void>
  >
>;

const QUEUE = Symbol('queue');
/** As amqplib says it of what a lost connection leaves unanswered. */
const LOST = /channel (ended|clos)|connection clos/i;
const PLAIN = Symbol('plain');
type Delivery = AmqpDeliveryLike & { [QUEUE]?: string; [PLAIN]?: PlainReply };

/**
 * Nest's RabbitMQ transport, for `@EventPattern` and `@MessagePattern` as they are. Beyond what `RabbitMqModule` does for the stock one:
 * what no handler is for, and what cannot be read, is parked with the reason; senders of plain JSON, CloudEvents and Nest's own packets
 * are understood; several queues have a prefetch each; an application whose queue the broker refuses does not start.
 *
 *     app.connectMicroservice({ strategy: new ReliableRmqServer({ urls, queue: 'orders' }) })
 */
export class ReliableRmqServer extends ServerRMQ {
  /** Read at boot, for what is written down there. */
  readonly consumedQueues: readonly ConsumedByServer[];
  /** What is no JSON has its own answer here. */
  readonly readsBodies = true;
  readonly #queues: readonly ResolvedQueue[];
  readonly #attempts: number;
  /** Whether bodies are read as the user says. */
  readonly #hasOwnDeserializer: boolean;
  /** Why deliveries have no handler. */
  readonly #reasons = new WeakMap<object, NonRetryableError>();
  /** Of whoever has called `listen()`; undefined once told. */
  #listening: Listening | undefined;

  /** @throws {RabbitMqConfigurationError} listing everything that is wrong */
  constructor(options: ReliableRmqOptions) {
    const queues = queuesOf(options);
    super({ ...nestOptionsOf(options), queue: queues[0]!.queue });
    this.#queues = queues;
    this.#attempts = options.maxConnectionAttempts ?? -1;
    this.#hasOwnDeserializer = options.deserializer !== undefined;
    this.consumedQueues = queues.map(({ queue, prefetchCount, noAssert, queueOptions }) => ({
      queue,
      prefetch: prefetchCount,
      queueType: noAssert ? undefined : queueTypeIn(queueOptions),
    }));
  }

  /** Which of its queues a delivery came from. */
  queueOf(delivery: AmqpDeliveryLike): string | undefined {
    return (delivery as Delivery)[QUEUE] ?? this.queue;
  }

  override async listen(callback: Listening): Promise<void> {
    if (!isAdopted(this))
      return callback(
        new RabbitMqConfigurationError(
          ['it needs RabbitMqModule.forRoot(…). Import it in the application.'],
          'ReliableRmqServer',
        ),
      );
    const fail = async (_data: unknown, context: RmqContext): Promise<never> => {
      throw this.#reasons.get(context.getMessage())!;
    };
    this.addHandler(UNHANDLED_EVENT, fail as unknown as MessageHandler, true);
    this.addHandler(UNHANDLED_REQUEST, fail as unknown as MessageHandler);
    this.#listening = callback;
    await super.listen((error) => this.#tell(error));
    this.#countAttempts();
  }

  /** Called for each channel that is opened, after a reconnect again. */
  override async setupChannel(channel: SetUpChannelLike, callback: () => void): Promise<void> {
    try {
      for (const queue of this.#queues) {
        await setUpQueue(channel, queue, [...this.getHandlers().keys()]);
        const consume = (message: Delivery | null): void => this.#consumed(message, channel, queue);
        const { consumerTag } = queue;
        await channel.consume(queue.queue, consume as (message: unknown) => void, {
          noAck: false,
          ...(consumerTag !== undefined && { consumerTag }),
        });
      }
      this.initializeWildcardHandlersIfExist();
    } catch (error) {
      // Lost again meanwhile: it is set up with the next connection.
      if (codeOf(error) === undefined && LOST.test(String(error))) return;
      return this.#refused(error as Error);
    }
    callback();
  }

  /**
   * Nest looks for JSON in every pattern, several times for each message, and finds out by an exception that a plain name is none. What
   * is registered under the pattern as it is needs no such search.
   */
  override getHandlerByPattern(pattern: string): MessageHandler | null {
    return this.messageHandlers.get(pattern) ?? super.getHandlerByPattern(pattern);
  }

  /** Settling, replies included, is for the transport door, which has wrapped the handlers. */
  override async handleMessage(
    message: Record<string, unknown> | null,
    channel: unknown,
  ): Promise<void> {
    if (message === null) return;
    const delivery = message as unknown as AmqpDeliveryLike;
    const { replyTo, correlationId } = delivery.properties;
    // Awaited, what is there already would cost every message.
    let packet = this.#hasOwnDeserializer
      ? await this.#deserialized(delivery)
      : this.#read(delivery);
    let pattern = '';
    try {
      pattern = this.#patternOf(packet, delivery);
    } catch (error) {
      packet = this.#unreadable(delivery, error);
    }
    const context = new RmqContext([message as never, channel as never, pattern]);
    // Ours for what has no handler are for nobody to name.
    const isNamed = !this.#reasons.has(message) && !pattern.startsWith('\u0000');
    const handler = isNamed ? this.getHandlerByPattern(pattern) : null;
    if (!handler && !this.#reasons.has(message)) this.#reasons.set(message, noHandler(pattern));
    // Whoever has said where to reply gets one, whatever becomes of his message.
    const id = packet.id ?? (replyTo && correlationId ? correlationId : undefined);
    if (id === undefined)
      return this.handleEvent(handler ? pattern : UNHANDLED_EVENT, packet as never, context);
    if (packet.isPlain) (delivery as Delivery)[PLAIN] = new PlainReply();
    const request = handler ?? this.getHandlerByPattern(UNHANDLED_REQUEST)!;
    return this.#request(request, { ...packet, id }, context, delivery);
  }

  /** Called by Nest for each part of a reply. Whoever has sent no packet of Nest's gets none. */
  override sendMessage<T>(
    message: T,
    replyTo: unknown,
    correlationId: string,
    context: RmqContext,
  ): void {
    const plain = (context.getMessage() as unknown as Delivery)[PLAIN];
    if (!plain) return super.sendMessage(message, replyTo, correlationId, context);
    const reply = plain.take(message as ReplyPacket);
    if (!reply) return;
    // Nest 12 calls it elsewhere.
    if (!('handleRequest' in this)) this.onProcessingEndHook?.(this.transportId, context);
    const { content, contentType } = replyBytes(reply.body);
    const { headers } = (context.getMessage() as unknown as Delivery).properties;
    const options = { correlationId, contentType, headers: replyHeaders(headers) };
    this.channel!.sendToQueue(replyTo, content, options);
  }

  #patternOf(packet: ReadMessage, delivery: AmqpDeliveryLike): string {
    if (packet.pattern === undefined) return routingKeyOf(delivery);
    return this.getPatternAsString(packet.pattern as string);
  }

  #consumed(message: Delivery | null, channel: unknown, { queue }: ResolvedQueue): void {
    if (message && this.#queues.length > 1) message[QUEUE] = queue;
    this.handleMessage(message as never, channel).catch((error: unknown) =>
      this.handleError(error as string),
    );
  }

  #read(delivery: AmqpDeliveryLike): ReadMessage {
    try {
      return readMessage(delivery);
    } catch (error) {
      return this.#unreadable(delivery, error);
    }
  }

  async #deserialized(delivery: AmqpDeliveryLike): Promise<ReadMessage> {
    const { content, properties } = delivery;
    try {
      const raw = parsed(content);
      const read: unknown = await this.deserializer.deserialize(raw, properties as never);
      if (typeof read !== 'object' || read === null)
        throw new TypeError('the deserializer has returned no { pattern, data }.');
      return read as ReadMessage;
    } catch (error) {
      return this.#unreadable(delivery, error);
    }
  }

  /** It goes on as an event that no handler is for, with what is wrong as the reason. */
  #unreadable(delivery: AmqpDeliveryLike, error: unknown): ReadMessage {
    this.#reasons.set(delivery, unreadable(error as Error));
    return { pattern: undefined, data: undefined, isPlain: !this.#hasOwnDeserializer };
  }

  #request(
    handler: MessageHandler,
    { id, data }: ReadMessage,
    context: RmqContext,
    { properties: { replyTo, correlationId = '' } }: AmqpDeliveryLike,
  ): Promise<void> {
    const respond = (reply: unknown): void =>
      this.sendMessage({ ...(reply as object), id }, replyTo, correlationId, context);
    const produce = async (): Promise<Observable<unknown>> =>
      this.transformToObservable(await handler(data, context)) as Observable<unknown>;
    const nest12 = this as unknown as RequestHandling;
    if (nest12.handleRequest) return nest12.handleRequest(context, produce, respond);
    const handle = async (): Promise<void> => void this.send(await produce(), respond);
    return this.onProcessingStartHook(
      this.transportId,
      context,
      handle,
    ) as unknown as Promise<void>;
  }

  /** At first nobody depends on it yet, and it is better not to start. Later what works goes on, and this is tried again. */
  async #refused(error: Error): Promise<void> {
    this.logger.error(`The broker has refused to set up what is consumed: ${error.message}`);
    if (!this.#listening) return;
    await this.close();
    this.#tell(error);
  }

  /** Nest counts one attempt and no further. */
  #countAttempts(): void {
    if (this.#attempts < 1) return;
    let failed = 0;
    this.server?.on('connectFailed', async ({ err }: { err?: Error } = {}) => {
      failed += 1;
      if (!this.#listening || failed !== this.#attempts) return;
      await this.close();
      this.#tell(err ?? new Error(`No connection to RabbitMQ after ${failed} attempts.`));
    });
  }

  #tell(error?: unknown): void {
    const listening = this.#listening;
    this.#listening = undefined;
    listening?.(error);
  }
}

/** As Nest hands a body to a deserializer. */
function parsed(content: Uint8Array): unknown {
  const text = Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString();
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
