import type { ParkedMessage } from '../core/parked-message.js';
import type { RedriveFailure, RedriveLeft, RedriveReport } from './dead-letters.types.js';

const SAMPLE = 10;

/** Counts what becomes of the messages of a run. */
export class RedriveTally {
  readonly #to = new Map<string, number>();
  readonly #left: Record<keyof RedriveLeft, number> = {
    unmatched: 0,
    cameBack: 0,
    tooOften: 0,
    withoutOrigin: 0,
    failed: 0,
  };
  readonly #failures = new Map<string, RedriveFailure>();
  readonly #missing = new Set<string>();
  readonly #sample: ParkedMessage[] = [];
  #done = 0;

  get done(): number {
    return this.#done;
  }

  get report(): Pick<RedriveReport, 'redriven' | 'to' | 'left' | 'failures' | 'sample'> {
    return {
      redriven: this.#done,
      to: Object.fromEntries(this.#to),
      left: { ...this.#left },
      failures: [...this.#failures.values()],
      sample: [...this.#sample],
    };
  }

  /** Whether a message has found that there is no such queue: the next ones need not try. */
  isMissing(queue: string): boolean {
    return this.#missing.has(queue);
  }

  bring(queue: string, message: ParkedMessage): void {
    this.#done += 1;
    this.#to.set(queue, (this.#to.get(queue) ?? 0) + 1);
    if (this.#sample.length < SAMPLE) this.#sample.push(message);
  }

  leave(reason: Exclude<keyof RedriveLeft, 'failed'>): void {
    this.#left[reason] += 1;
  }

  fail(queue: string, reason: RedriveFailure['reason'], message: string): void {
    this.#left.failed += 1;
    if (reason === 'NO_QUEUE') this.#missing.add(queue);
    const key = `${reason} ${queue}`;
    const before = this.#failures.get(key) ?? { queue, reason, count: 0, message };
    this.#failures.set(key, { ...before, count: before.count + 1 });
  }
}
