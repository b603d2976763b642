/** How often messages come and go whose consumer has not been closed yet. */
const PAUSE_MS = 200;

/**
 * When messages go back that have not begun, in an application that shuts down: once nothing runs any more, since another consumer
 * would overtake what runs here. All of them at one time, in their order: as long as their consumer is not closed they come here
 * again, and a quorum queue keeps the order in which messages went back.
 */
export class OrderlyShutdown {
  #hasBegun = false;
  #running = 0;
  #ended: (() => void)[] = [];
  #departure: Promise<void> | undefined;

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Resolves when nothing runs any more. */
  async begin(): Promise<void> {
    this.#hasBegun = true;
    await this.#quiet();
  }

  /** Waits with what has not begun. */
  async giveBack(): Promise<void> {
    if (this.#hasBegun) await (this.#departure ??= this.#depart());
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

  async #depart(): Promise<void> {
    await this.#quiet();
    // A process that has nothing else to do may end: the broker then takes back what it had.
    await new Promise<void>((done) => void setTimeout(done, PAUSE_MS).unref());
    this.#departure = undefined;
  }

  async #quiet(): Promise<void> {
    if (this.#running > 0) await new Promise<void>((ended) => this.#ended.push(ended));
  }
}
