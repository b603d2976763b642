import { setTimeout as pause } from 'node:timers/promises';
import type { Keyed } from '../keyed.js';
import { Turn } from './turn.js';

/** Handles messages with keys, and watches over their order. */
export class KeyedWork {
  readonly #turn = new Turn();
  #violations = 0;
  /** The latest that is done, by key. */
  readonly #done = new Map<string, number>();

  async handle({ key, n, ms }: Keyed): Promise<void> {
    await this.#turn.begun();
    if (n !== (this.#done.get(key) ?? -1) + 1) this.#violations += 1;
    if (ms > 0) await pause(ms);
    this.#done.set(key, n);
    this.#turn.done();
  }

  run(count: number): Promise<number> {
    // Each turn counts from 0.
    this.#done.clear();
    return this.#turn.run(count);
  }

  get violations(): number {
    return this.#violations;
  }
}
