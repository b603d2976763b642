import { writeSafely } from '../../read-safely.js';
import type { AmqpDeliveryLike } from '../amqp/amqp-facts.js';
import type { RmqContextLike } from './rpc-facts.js';

type Send = (
  packet: object,
  replyTo: unknown,
  correlationId: string,
  context: RmqContextLike,
) => unknown;

/** Nest's RabbitMQ server, as far as it replies. */
export interface ReplyingServerLike {
  sendMessage?: Send;
  /** The channel of amqp-connection-manager: what it promises of a message is the broker's confirm. */
  readonly channel?: ReplyChannelLike | null;
}

interface ReplyChannelLike {
  sendToQueue(...args: unknown[]): unknown;
}

interface OpenRequest {
  readonly settle: () => void;
  readonly sent: unknown[];
}

const TAPPED = Symbol('replies');
const FAILED = { status: 'error', message: 'Internal server error' };

/**
 * The requests of one server that are not settled yet. Each is when the broker has confirmed its last reply: acked before, a crash in
 * between loses the reply, and the request with it. Nest neither waits for what it sends nor looks at what becomes of it.
 */
export class Replies {
  readonly #open = new WeakMap<object, OpenRequest>();
  readonly #send: Send;
  /** What was promised of the last reply. */
  #promised: unknown;

  /** Undefined where a server does not reply as Nest's does. Installed once for each server. */
  static of(server: ReplyingServerLike, warn: (text: string) => void): Replies | undefined {
    return typeof server.sendMessage === 'function' ? new Replies(server, warn) : undefined;
  }

  private constructor(
    private readonly server: ReplyingServerLike,
    private readonly warn: (text: string) => void,
  ) {
    this.#send = server.sendMessage!.bind(server);
    server.sendMessage = (packet, ...to) => this.#sendMessage(packet, ...to);
  }

  /** @param settle called once: when the last reply is confirmed, or can no longer be */
  expect(delivery: AmqpDeliveryLike, settle: () => void): void {
    this.#open.set(delivery, { settle, sent: [] });
  }

  #sendMessage(packet: object, ...[replyTo, correlationId, context]: Rest): void {
    const delivery = context.getMessage() as object;
    const open = this.#open.get(delivery);
    // Nest adds to what it sends.
    const isLast = (packet as { readonly isDisposed?: unknown }).isDisposed === true;
    const sent = this.#sendSafely(packet, replyTo, correlationId, context);
    if (!open) return;
    open.sent.push(sent.promise);
    if (!isLast && !sent.isLast) return;
    this.#open.delete(delivery);
    void Promise.all(open.sent).then(open.settle);
  }

  /** Nest leaves the request for ever where this throws, or ends the process for what cannot be serialised. */
  #sendSafely(packet: object, ...to: Rest): { promise: Promise<void>; isLast?: boolean } {
    try {
      return { promise: this.#confirmed(packet, to) };
    } catch (error) {
      this.warn(`A reply could not be sent: ${writeSafely(error)}`);
      const { id } = packet as { readonly id?: string };
      const promise = this.#confirmed({ id, err: FAILED, isDisposed: true }, to);
      return { promise, isLast: true };
    }
  }

  #confirmed(packet: object, to: Rest): Promise<void> {
    this.#tap();
    this.#promised = undefined;
    this.#send(packet, ...to);
    return Promise.resolve(this.#promised).then(nothing, (error: unknown) => {
      this.warn(
        `A reply has not reached the broker: ${writeSafely(error)}. Its caller waits until it times out.`,
      );
    });
  }

  /** Nest has no channel before it is connected. */
  #tap(): void {
    const channel = this.server.channel as (ReplyChannelLike & { [TAPPED]?: true }) | undefined;
    if (!channel || channel[TAPPED]) return;
    channel[TAPPED] = true;
    const sendToQueue = channel.sendToQueue.bind(channel);
    channel.sendToQueue = (...args) => (this.#promised = sendToQueue(...args));
  }
}

type Rest = Parameters<Send> extends [object, ...infer Others] ? Others : never;

const nothing = (): void => {};
