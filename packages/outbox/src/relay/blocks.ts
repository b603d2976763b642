import { keyOf } from '../core/block.js';

const STEP_MS = 50;

/**
 * Which keys of our lanes wait, as far as this process knows, and when to look at the next of what waits. A message without a
 * key holds nobody up: of those it knows nothing, however many have failed.
 */
export class Blocks {
  readonly #lanes = new Map<string, number>();
  #lookAt = -Infinity;
  /** When the retries are due that this process knows of, in steps: a few thousand at most, however many messages have failed. */
  readonly #steps = new Set<number>();

  constructor(private readonly pollIntervalMs: number) {}

  has(block: string): boolean {
    return this.#lanes.has(block);
  }

  add(block: string, lane: number): void {
    if (keyOf(block) !== undefined) this.#lanes.set(block, lane);
  }

  delete(block: string): void {
    this.#lanes.delete(block);
  }

  /** Forgets those that `isGone`. */
  forget(isGone: (block: string, lane: number) => boolean): void {
    for (const [block, lane] of this.#lanes) if (isGone(block, lane)) this.#lanes.delete(block);
  }

  /** In how many milliseconds a block may be due; 0 or less when one may be now. */
  get dueInMs(): number {
    return this.#lookAt - performance.now();
  }

  /** One of them is due then. */
  dueIn(ms: number): void {
    const now = performance.now();
    const step = Math.ceil((now + ms) / STEP_MS);
    if (ms > 0) this.#steps.add(step);
    this.#lookAt = Math.min(this.#lookAt, ms > 0 ? step * STEP_MS : now);
  }

  /** What was due has been read. Others, and other processes, may have made more: what is in the database counts. */
  looked(): void {
    const now = performance.now();
    this.#lookAt = now + this.pollIntervalMs;
    for (const step of this.#steps) {
      if (step * STEP_MS <= now) this.#steps.delete(step);
      else this.#lookAt = Math.min(this.#lookAt, step * STEP_MS);
    }
  }
}
