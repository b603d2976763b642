import type { IdempotencyStore } from '../core/store.js';
import { textOf } from '../core/text-of.js';

export interface PurgerSettings {
  readonly everyMs: number;
  readonly limit: number;
  readonly warn: (text: string) => void;
  /** Around every removal, to tell what came of it. */
  readonly purging: (work: () => Promise<number>) => Promise<number>;
}

const STOP_WITHIN_MS = 5_000;

/** Removes expired records of one store while the application runs. Of several processes, the store lets one at a time. */
export class Purger {
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #failing = false;

  constructor(
    private readonly store: IdempotencyStore,
    private readonly settings: PurgerSettings,
  ) {}

  start(): void {
    // Some chance in it, so that processes started together do not all come at once.
    const first = this.settings.everyMs * (0.5 + Math.random() / 2);
    this.#timer = setTimeout(() => this.round(), first).unref();
  }

  /** Removes what has expired, and resolves with how much it was. */
  runOnce(): Promise<number> {
    return this.settings.purging(() => this.removeExpired());
  }

  /** Waits for what is under way, but not for ever: a database that hangs must not keep the application from closing. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    let late: NodeJS.Timeout | undefined;
    const enough = new Promise<void>((resolve) => (late = setTimeout(resolve, STOP_WITHIN_MS)));
    await Promise.race([this.#running, enough]);
    clearTimeout(late);
  }

  private async removeExpired(): Promise<number> {
    const { limit } = this.settings;
    let total = 0;
    for (;;) {
      const removed = await this.store.purge(limit);
      total += removed;
      if (removed < limit || this.#timer === undefined) return total;
    }
  }

  private round(): void {
    this.#running = this.runOnce().then(
      () => {
        this.#failing = false;
      },
      (error: unknown) => {
        // Once, until it works again: nothing is unsafe meanwhile, the table only grows.
        if (!this.#failing)
          this.settings.warn(
            `Expired records in ${this.store.label} could not be removed, so the table grows (${textOf(error)}). It is tried again; where this service lacks the right to delete, say purge: false and run "npx nest-idempotency purge" elsewhere.`,
          );
        this.#failing = true;
      },
    );
    void this.#running.then(() => {
      if (this.#timer === undefined) return;
      this.#timer = setTimeout(() => this.round(), this.settings.everyMs).unref();
    });
  }
}
