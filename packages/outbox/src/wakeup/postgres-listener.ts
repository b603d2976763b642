import { randomUUID } from 'node:crypto';
import type { WakeUpEvents, WakeUpListener } from '../contracts/wake-ups.js';
import { backoffMs, within } from '@acme/nest-message-context/kit';
import { Signal } from '../relay/signal.js';
import { ListeningConnection } from './listening-connection.js';
import type { PgListenerFactory } from './pg-listener-like.js';

const HEARTBEAT_MS = 10_000;
/** So long after it was told, a heartbeat has to have arrived; so long may the database take for a statement. */
const SILENCE_MS = 5_000;
const RETRY = { initialMs: 200, maxMs: 30_000 };
/** The shutdown does not wait longer for a server that does not answer. */
const CLOSE_MS = 1_000;

/** What a listener works with. */
export interface ListenerParts {
  readonly connect: PgListenerFactory;
  channel(): Promise<string>;
  /** Tells the channel, on another connection. */
  notify(payload: string): Promise<void>;
}

/** Begins the payload of a heartbeat: no other one is a hint. */
const BEAT = 'beat ';

class Unheard extends Error {
  constructor() {
    super(
      'nothing that is told arrives there. PgBouncer in transaction mode cannot listen, and another database hears nothing: let `listen` connect to the server of the store itself',
    );
  }
}

/**
 * Listens on a connection of its own. That one is open proves nothing: a network may have forgotten it, and PgBouncer in
 * transaction mode takes LISTEN and forgets who it was. So heartbeats are sent the way hints are, by another connection, and
 * have to arrive here.
 */
export class PostgresListener implements WakeUpListener {
  readonly #beats = `${BEAT}${randomUUID()} `;
  readonly #signal = new Signal();
  readonly #ended: Promise<void>;
  #isClosed = false;
  #failures = 0;
  #beat = 0;
  #answered = 0;
  /** What the events were told last, so that they are told once. */
  #reported: 'unheard' | 'lost' | undefined;

  constructor(
    private readonly parts: ListenerParts,
    private readonly events: WakeUpEvents,
  ) {
    this.#ended = this.#run();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#signal.raise();
    await within(CLOSE_MS, this.#ended, timedOut).catch(() => {});
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      try {
        await this.#listen();
      } catch (error) {
        if (this.#isClosed) return;
        this.#report(error as Error);
        this.#failures += 1;
        await this.#pause(backoffMs(this.#failures, RETRY, Math.random()));
      }
    }
  }

  /** Resolves when it is closed, and rejects when the connection is of no use any more. */
  async #listen(): Promise<void> {
    const channel = await within(SILENCE_MS, this.parts.channel(), timedOut);
    const connection = await ListeningConnection.open(this.parts.connect, channel, {
      heard: (payload) => this.#heard(payload),
      lost: this.#signal.raise,
    });
    try {
      // Whatever was told before can only be found by looking.
      if (!this.#isClosed) this.events.heard();
      while (!this.#isClosed) {
        await this.#beatOnce(connection);
        await this.#pause(HEARTBEAT_MS, () => connection.error !== undefined);
        if (connection.error) throw connection.error;
      }
    } catch (error) {
      void connection.end();
      throw error;
    }
    await connection.end();
  }

  async #beatOnce(connection: ListeningConnection): Promise<void> {
    const beat = ++this.#beat;
    try {
      await within(SILENCE_MS, this.parts.notify(`${this.#beats}${beat}`), timedOut);
    } catch {
      // The database is away or busy, which says nothing about this connection.
      return;
    }
    const isOver = (): boolean => this.#answered >= beat || connection.error !== undefined;
    await this.#pause(SILENCE_MS, isOver);
    if (connection.error) throw connection.error;
    if (this.#isClosed) return;
    if (this.#answered < beat)
      throw connection.isProven ? new Error('it was silent') : new Unheard();
    connection.isProven = true;
    this.#failures = 0;
    if (this.#reported) this.events.restored();
    this.#reported = undefined;
  }

  #heard(payload: string): void {
    if (!payload.startsWith(BEAT)) return this.events.heard();
    if (!payload.startsWith(this.#beats)) return;
    this.#answered = Number(payload.slice(this.#beats.length));
    this.#signal.raise();
  }

  #report(error: Error): void {
    const what = error instanceof Unheard ? 'unheard' : 'lost';
    if (this.#reported === what) return;
    this.#reported = what;
    this.events.deaf(error);
  }

  /** Ends early when it is closed. */
  async #pause(ms: number, isOver: () => boolean = () => false): Promise<void> {
    const until = performance.now() + ms;
    for (let left = ms; left > 0 && !this.#isClosed && !isOver();) {
      await this.#signal.wait(left);
      left = until - performance.now();
    }
  }
}

function timedOut(): Error {
  return new Error(`the database did not answer within ${SILENCE_MS} ms`);
}
