import type { EntryRules, OutboxStore } from '../contracts/outbox-store.js';

/** After so many milliseconds those are asked for again that an open transaction holds up. */
const RETRY_MS = 20;
/** So many of them are passed by at most to get at the others. */
const MAX_LIMIT = 10_000;

/** Lets messages in whose time has come. */
export class Delays {
  #lookAt = -Infinity;
  #limit: number;
  #isCaughtUp = false;

  constructor(
    private readonly store: OutboxStore,
    private readonly settings: {
      readonly batchSize: number;
      readonly pollIntervalMs: number;
      readonly rules: EntryRules;
    },
  ) {
    this.#limit = settings.batchSize;
  }

  /** Whether the last look left none that was due, but for those that an open transaction holds up. */
  get isCaughtUp(): boolean {
    return this.#isCaughtUp;
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
    const limit = this.#limit;
    const { moved, skipped, nextInMs = Infinity } = await this.store.promote(limit, rules);
    const isFull = moved + skipped >= limit;
    this.#isCaughtUp = !isFull || (moved === 0 && limit >= MAX_LIMIT);
    this.#limit = Math.min(batchSize + skipped, Math.max(batchSize, MAX_LIMIT));
    // Clocks run at different speeds: a millisecond too late is better than a look too early.
    const nextMs = Math.min(pollIntervalMs, Math.ceil(nextInMs) + 1);
    this.dueIn(isFull && moved > 0 ? 0 : skipped > 0 ? Math.min(RETRY_MS, nextMs) : nextMs);
    return Math.max(0, this.#lookAt - performance.now());
  }
}
