import type { EntryRules, OutboxStore } from '../contracts/outbox-store.js';

/** Lets messages in whose time has come. */
export class Delays {
  #lookAt = -Infinity;
  #lastMoved = Infinity;

  constructor(
    private readonly store: OutboxStore,
    private readonly settings: {
      readonly batchSize: number;
      readonly pollIntervalMs: number;
      readonly rules: EntryRules;
    },
  ) {}

  /** Whether the last look left none that was due. */
  get isCaughtUp(): boolean {
    return this.#lastMoved < this.settings.batchSize;
  }

  /** A message was added that is due then. */
  dueIn(ms: number): void {
    this.#lookAt = Math.min(this.#lookAt, performance.now() + ms);
  }

  /** Returns in how many milliseconds to look again. */
  async step(): Promise<number> {
    const { batchSize, pollIntervalMs, rules } = this.settings;
    const wait = this.#lookAt - performance.now();
    if (wait > 0) return wait;
    // What is added while the database is asked may be due sooner than what it answers.
    this.#lookAt = performance.now() + pollIntervalMs;
    const { moved, nextInMs = Infinity } = await this.store.promote(batchSize, rules);
    this.#lastMoved = moved;
    // Clocks run at different speeds: a millisecond too late is better than a look too early.
    const pause = this.isCaughtUp ? Math.min(pollIntervalMs, Math.ceil(nextInMs) + 1) : 0;
    this.dueIn(pause);
    return Math.max(0, this.#lookAt - performance.now());
  }
}
