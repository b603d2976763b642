/**
 * When messages go back that have not begun, in an application that shuts down: with their channel, which the broker takes them back
 * from all at once and to their places. Given back one by one they would come again at once, and be counted each time; before nothing
 * runs any more, another consumer would overtake what does.
 */
export class OrderlyShutdown {
  readonly #waiting = new WeakSet<object>();
  #hasBegun = false;
  #running = 0;
  #ended: (() => void)[] = [];

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Resolves when nothing runs any more. */
  async begin(): Promise<void> {
    this.#hasBegun = true;
    await this.#quiet();
  }

  /** This delivery has not begun. */
  waits(delivery: object): void {
    this.#waiting.add(delivery);
  }

  begins(delivery: object): void {
    this.#waiting.delete(delivery);
  }

  /** Whether a delivery waits for its turn, or to go back. */
  isWaiting(delivery: object): boolean {
    return this.#waiting.has(delivery);
  }

  /**
   * With its channel, where that is about to be closed: nacked it would come again, and then go back behind those behind it. Never
   * resolves once the application shuts down.
   */
  async giveBack(delivery: object): Promise<void> {
    if (!this.#hasBegun) return;
    this.waits(delivery);
    await new Promise<never>(() => {});
  }

  /** Of what has begun. */
  async running<T>(work: () => Promise<T>): Promise<T> {
    this.#running += 1;
    try {
      return await work();
    } finally {
      this.#running -= 1;
      if (this.#running === 0) for (const ended of this.#ended.splice(0)) ended();
    }
  }

  async #quiet(): Promise<void> {
    if (this.#running > 0) await new Promise<void>((ended) => this.#ended.push(ended));
  }
}
