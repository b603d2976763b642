import type { OutboxStore } from '../contracts/outbox-store.js';

const EVERY_MS = 60_000;
/** Few enough to be done in a moment. */
const PURGE_LIMIT = 5_000;

/** What has to be done now and then. Whoever holds lane 0 does what needs doing once. */
export class Upkeep {
  #healAt = performance.now() + EVERY_MS;
  #purgeAt = -Infinity;

  constructor(
    private readonly store: OutboxStore,
    private readonly settings: { readonly retentionMs: number | undefined },
    private readonly purged: (count: number) => void,
  ) {}

  /** Returns in how many milliseconds there is more to do. Infinity where it is another relay's. */
  async step(holdsFirstLane: boolean): Promise<number> {
    if (!holdsFirstLane) return Infinity;
    const { retentionMs } = this.settings;
    const now = performance.now();
    if (now >= this.#healAt) {
      this.#healAt = now + EVERY_MS;
      await this.store.heal();
    }
    if (retentionMs !== undefined && now >= this.#purgeAt) {
      this.#purgeAt = now + EVERY_MS;
      await this.#purge(retentionMs);
    }
    const next = retentionMs === undefined ? this.#healAt : Math.min(this.#healAt, this.#purgeAt);
    return Math.max(0, next - performance.now());
  }

  async #purge(retentionMs: number): Promise<void> {
    const purged = await this.store.operations.purge(retentionMs, PURGE_LIMIT);
    this.purged(purged);
    if (purged >= PURGE_LIMIT) this.#purgeAt = performance.now();
  }
}
