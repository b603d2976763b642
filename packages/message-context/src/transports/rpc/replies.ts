import { writeSafely } from '../../read-safely.js';
import type { AmqpDeliveryLike } from '../amqp/amqp-facts.js';
import { isRmqContext, type RmqContextLike } from './rpc-facts.js';

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
  /** Parts of the reply that the broker has not confirmed. */
  unconfirmed: number;
  hasStarted: boolean;
  /** The last part was sent. */
  isComplete: boolean;
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
    const open = { settle, unconfirmed: 0, hasStarted: false, isComplete: false };
    this.#open.set(delivery, open);
  }

  /** Its handler has ended. Whoever replies by a way of his own is not heard of here. */
  ended(delivery: AmqpDeliveryLike): void {
    setImmediate(() => {
      const open = this.#open.get(delivery);
      if (!open || open.hasStarted) return;
      open.isComplete = true;
      this.#settleOnce(delivery, open);
    });
  }

  /** Returns what the server itself does: it may take its time, and the next part waits for that. */
  #sendMessage(packet: object, ...to: Rest): unknown {
    const [, , context] = to;
    if (!isRmqContext(context)) return this.#send(packet, ...to);
    const delivery = context.getMessage() as object;
    const open = this.#open.get(delivery);
    if (open) {
      open.hasStarted = true;
      open.unconfirmed += 1;
    }
    // Nest adds to what it sends.
    const isLast = (packet as { readonly isDisposed?: unknown }).isDisposed === true;
    const { returned, confirmed, hasFailed } = this.#sendSafely(packet, to);
    if (open && (isLast || hasFailed)) open.isComplete = true;
    void confirmed.then(() => {
      if (!open) return;
      open.unconfirmed -= 1;
      this.#settleOnce(delivery, open);
    });
    return returned;
  }

  #settleOnce(delivery: object, open: OpenRequest): void {
    if (!open.isComplete || open.unconfirmed > 0) return;
    if (this.#open.delete(delivery)) open.settle();
  }

  /** Nest leaves the request for ever where this throws, or ends the process for what cannot be serialised. */
  #sendSafely(packet: object, to: Rest): Sent & { readonly hasFailed: boolean } {
    try {
      return { ...this.#sendNow(packet, to), hasFailed: false };
    } catch (error) {
      this.warn(`A reply could not be sent: ${writeSafely(error)}`);
    }
    const { id } = packet as { readonly id?: string };
    try {
      const sent = this.#sendNow({ id, err: FAILED, isDisposed: true }, to);
      return { ...sent, hasFailed: true };
    } catch (error) {
      this.warn(`Its caller cannot be told: ${writeSafely(error)}. He waits until his time is up.`);
      return { returned: undefined, confirmed: Promise.resolve(), hasFailed: true };
    }
  }

  #sendNow(packet: object, to: Rest): Sent {
    this.#tap();
    this.#promised = undefined;
    const returned = this.#send(packet, ...to);
    const confirmed = Promise.all([returned, this.#promised]).then(nothing, (error: unknown) => {
      this.warn(
        `A reply has not reached the broker: ${writeSafely(error)}. Its caller waits until his time is up.`,
      );
    });
    return { returned, confirmed };
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

interface Sent {
  /** By the server. */
  readonly returned: unknown;
  /** Never rejects. */
  readonly confirmed: Promise<void>;
}

type Rest = Parameters<Send> extends [object, ...infer Others] ? Others : never;

const nothing = (): void => {};
