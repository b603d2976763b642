import { atMost } from '@acme/nest-message-context/kit';
import { InterruptedError } from '../rabbitmq.errors.js';
import { DeskConnection, type DeskSettings } from './desk-connection.js';
import { QueueHold, type Ahead } from './queue-hold.js';

/** A stay at one queue, over a connection of its own. */
export interface Visit {
  readonly desk: DeskConnection;
  readonly hold: QueueHold;
  /** Aborted when whoever called, or the application, has had enough. */
  readonly signal: AbortSignal;
  /** Closes the connection; what is still held goes back with it. Never rejects. */
  end(): Promise<void>;
}

/** All stays that are going on, so that they can be ended. */
export class Visits {
  readonly #closing = new AbortController();
  readonly #open = new Set<Promise<unknown>>();
  readonly #desks = new Set<DeskConnection>();

  constructor(private readonly settings: DeskSettings) {}

  /**
   * @throws {QueueUnavailableError} when there is no such queue, or it cannot be looked into
   * @throws {InterruptedError} when the broker does not answer, or after `close()`
   */
  async begin(queue: string, ahead: Ahead, signal?: AbortSignal): Promise<Visit> {
    const closing = this.#closing.signal;
    if (closing.aborted)
      throw new InterruptedError('DeadLetters was closed: the application has shut down.');
    const desk = await DeskConnection.open(this.settings);
    let ended = (): void => {};
    const open = new Promise<void>((done) => (ended = done));
    this.#open.add(open);
    this.#desks.add(desk);
    const end = async (): Promise<void> => {
      await desk.close();
      this.#desks.delete(desk);
      this.#open.delete(open);
      ended();
    };
    try {
      const hold = await QueueHold.open(desk, queue, ahead);
      return { desk, hold, signal: AbortSignal.any([closing, ...(signal ? [signal] : [])]), end };
    } catch (error) {
      await end();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await atMost(this.settings.timeoutMs, Promise.all(this.#open));
    // Whoever has stopped in the middle of an export comes back no more.
    await Promise.all([...this.#desks].map((desk) => desk.close()));
  }
}
