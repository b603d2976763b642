import type { OutboxStore } from '../contracts/outbox-store.js';
import { answerWithin } from './answer-within.js';

const EVERY_MS = 60_000;
/** Few enough to be done in a moment. */
const PURGE_LIMIT = 5_000;

/** What has to be done now and then. Whoever holds lane 0 does what needs doing once. */
export class Upkeep {
  #healAt = performance.now() + EVERY_MS;
  #purgeAt = -Infinity;

  constructor(
    private readonly store: OutboxStore,
    private readonly settings: {
      readonly leaseMs: number;
      readonly retentionMs: number | undefined;
    },
    private readonly purged: (count: number) => void,
  ) {
    if (settings.retentionMs === undefined) this.#purgeAt = Infinity;
  }

  /** Returns in how many milliseconds there is more to do. */
  async step(lanes: () => readonly number[]): Promise<number> {
    const now = performance.now();
    if (now >= this.#healAt) {
      this.#healAt = now + EVERY_MS;
      await this.#db(this.store.heal(lanes()));
    }
    if (now >= this.#purgeAt) {
      this.#purgeAt = now + EVERY_MS;
      if (lanes().includes(0)) await this.#purge(this.settings.retentionMs as number);
    }
    return Math.max(0, Math.min(this.#healAt, this.#purgeAt) - performance.now());
  }

  async #purge(retentionMs: number): Promise<void> {
    const purged = await this.#db(this.store.operations.purge(retentionMs, PURGE_LIMIT));
    this.purged(purged);
    if (purged >= PURGE_LIMIT) this.#purgeAt = performance.now();
  }

  #db<T>(work: Promise<T>): Promise<T> {
    return answerWithin(this.settings.leaseMs, work);
  }
}
