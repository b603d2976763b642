import type {
  AmqpChannelLike,
  AmqpConfirmChannelLike,
  AmqpConnectionLike,
  AmqpConnectionManagerLike,
  AmqpSharedConnectionLike,
} from './amqp-like.js';

type Listener = (detail: unknown) => void;

/** Channels on a connection that others use as well: closing it closes only what was opened here. */
class BorrowedConnection implements AmqpConnectionLike {
  /** Never to be cut: it is not ours. */
  readonly isBorrowed = true;
  readonly #listeners: (readonly [event: string, listener: Listener])[] = [];
  #channel: AmqpConfirmChannelLike | undefined;
  /** The broker has not answered yet. */
  isOpening = false;

  constructor(readonly lent: AmqpSharedConnectionLike) {}

  get connection(): unknown {
    return this.lent.connection;
  }

  async createConfirmChannel(): Promise<AmqpConfirmChannelLike> {
    this.isOpening = true;
    try {
      const channel = await this.lent.createConfirmChannel();
      channel.on('close', () => (this.#channel = undefined));
      return (this.#channel = channel);
    } finally {
      this.isOpening = false;
    }
  }

  createChannel(): Promise<AmqpChannelLike> {
    return this.lent.createChannel();
  }

  on(event: string, listener: Listener): void {
    this.#listeners.push([event, listener]);
    this.lent.on(event, listener);
  }

  async close(): Promise<void> {
    for (const [event, listener] of this.#listeners.splice(0)) {
      this.lent.removeListener(event, listener);
    }
    // A channel that the broker closes says so before it counts as closed; closing it then is an error of the connection.
    await Promise.resolve();
    await this.#channel?.close();
  }
}

/**
 * Borrows the connection that an `amqp-connection-manager` holds.
 *
 * Nothing is published through the manager's own channels: they keep messages in memory while there is no connection, and
 * send those again that were not confirmed, long after somebody else was told to do so.
 */
export class ConnectionLender {
  #manager: AmqpConnectionManagerLike | undefined;
  #blocked: string | undefined;
  #last: BorrowedConnection | undefined;

  /** @param current asked whenever a connection is wanted: the manager may be another one by then */
  constructor(private readonly current: () => AmqpConnectionManagerLike | undefined) {
    this.#watch();
  }

  borrow(): AmqpConnectionLike {
    this.#watch();
    const connection = this.#manager?.connection;
    if (!connection) throw new Error('amqp-connection-manager has none; it connects in its time.');
    // A blocked broker does not read, so a channel would never open.
    if (this.#blocked !== undefined) {
      throw new Error(
        `the broker has blocked it (${this.#blocked}). Relieve its memory or disk alarm.`,
      );
    }
    // It would have as many channels as there were tries when it answers at last.
    if (this.#last?.isOpening && this.#last.lent === connection) {
      throw new Error('the broker has not answered yet to the last try to open a channel.');
    }
    return (this.#last = new BorrowedConnection(connection));
  }

  /** Leaves no listener behind. */
  end(): void {
    this.#manager?.removeListener('blocked', this.#onBlocked);
    for (const event of FREED) this.#manager?.removeListener(event, this.#onFreed);
    this.#manager = undefined;
  }

  #watch(): void {
    const manager = this.current();
    if (manager === this.#manager) return;
    this.end();
    this.#blocked = undefined;
    this.#manager = manager;
    manager?.on('blocked', this.#onBlocked);
    for (const event of FREED) manager?.on(event, this.#onFreed);
  }

  readonly #onBlocked = (detail: unknown): void => {
    const { reason } = (detail ?? {}) as { reason?: unknown };
    this.#blocked = String(reason);
  };

  readonly #onFreed = (): void => {
    this.#blocked = undefined;
  };
}

const FREED = ['unblocked', 'disconnect', 'connect'];
