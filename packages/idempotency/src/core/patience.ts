import { sleep, type Runtime } from './runtime.js';

const SHORTEST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;

/** How long one call waits for another one that holds its key. */
export class Patience {
  readonly #end: number;
  #pause = SHORTEST_PAUSE_MS;

  constructor(
    waitMs: number,
    private readonly runtime: Runtime,
  ) {
    this.#end = runtime.now() + waitMs;
  }

  /** What `event` brings, if it comes in time; it must not reject. */
  async await<T>(event: Promise<T>): Promise<T | 'late'> {
    const left = this.#end - this.runtime.now();
    // With no time left, what has come already is still taken.
    const timeout = left > 0 ? sleep(this.runtime, left) : undefined;
    const late = (timeout?.done ?? Promise.resolve()).then(() => 'late' as const);
    try {
      return await Promise.race([event, late]);
    } finally {
      timeout?.stop();
    }
  }

  get isLeft(): boolean {
    return this.runtime.now() < this.#end;
  }

  /**
   * Waits a little, longer each time, with some chance in it so that waiters of several processes spread; where `woken` may
   * come instead, that is waited for, and looking again is for when it does not. False: enough.
   */
  async pause(woken?: Promise<void>): Promise<boolean> {
    const left = this.#end - this.runtime.now();
    if (left <= 0) return false;
    const spread = (woken ? LONGEST_PAUSE_MS : this.#pause) * (0.5 + this.runtime.random());
    this.#pause = Math.min(this.#pause * 1.5, LONGEST_PAUSE_MS);
    const timeout = sleep(this.runtime, Math.min(left, spread));
    await Promise.race(woken ? [woken, timeout.done] : [timeout.done]);
    timeout.stop();
    return true;
  }
}
