import { matches } from '../core/dead-letter-filter.js';
import type { ParkedMessage } from '../core/parked-message.js';
import type { PurgeSettings } from './checked-options.js';
import type { PurgeReport } from './dead-letters.types.js';
import type { Visit } from './visits.js';
import { Walk } from './walk.js';

const SAMPLE = 10;

/** Throws messages away: one by one those of a filter, at once where all are meant. */
export class PurgeRun {
  readonly #walk: Walk;
  readonly #sample: ParkedMessage[] = [];
  #purged = 0;
  #unmatched = 0;

  constructor(
    private readonly visit: Pick<Visit, 'hold' | 'signal'>,
    private readonly settings: PurgeSettings,
  ) {
    this.#walk = new Walk(visit.hold, { scan: settings.scan, signal: visit.signal });
  }

  async run(): Promise<void> {
    const { all, dryRun, limit, onProgress } = this.settings;
    const { hold } = this.visit;
    if (all && !dryRun) {
      this.#purged = await hold.purge();
      return;
    }
    while (await this.#step()) {
      onProgress?.({ ready: hold.ready, looked: this.#walk.looked, done: this.#purged });
      if (this.#purged < limit) continue;
      this.#walk.endBy('limit');
      return;
    }
  }

  get report(): PurgeReport {
    const { queue, ready } = this.visit.hold;
    const { looked, end } = this.#walk;
    return {
      queue,
      dryRun: this.settings.dryRun,
      ready,
      looked,
      purged: this.#purged,
      unmatched: this.#unmatched,
      sample: [...this.#sample],
      end,
    };
  }

  async #step(): Promise<boolean> {
    const step = await this.#walk.next().catch((error: unknown) => {
      this.#walk.endBy('stopped');
      throw error;
    });
    if (!step) return false;
    if (!matches(this.settings.filter, step.message)) {
      this.#unmatched += 1;
      return true;
    }
    if (!this.settings.dryRun) this.visit.hold.remove(step.taken);
    this.#purged += 1;
    if (this.#sample.length < SAMPLE) this.#sample.push(step.message);
    return true;
  }
}
