/**
 * When messages go back that have not begun, in an application that shuts down: with their channel, which the broker takes them back
 * from all at once and to their places. Given back one by one they would come again at once, and be counted each time; before nothing
 * runs any more, another consumer would overtake what does.
 */
export class OrderlyShutdown {
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

  /** Waits with what has not begun, for the end of its channel: never resolves once the application shuts down. */
  async giveBack(): Promise<void> {
    if (this.#hasBegun) await new Promise<never>(() => {});
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
