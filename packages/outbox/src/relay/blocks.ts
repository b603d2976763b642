/** Which blocks of our lanes have failed and wait, as far as this process knows, and when to look at them next. */
export class Blocks {
  readonly #lanes = new Map<string, number>();
  #lookAt = -Infinity;

  constructor(private readonly pollIntervalMs: number) {}

  has(block: string): boolean {
    return this.#lanes.has(block);
  }

  add(block: string, lane: number): void {
    this.#lanes.set(block, lane);
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
    this.#lookAt = Math.min(this.#lookAt, performance.now() + ms);
  }

  /** What was due has been read. Others, and other processes, may have made more: what is in the database counts. */
  looked(): void {
    this.#lookAt = performance.now() + this.pollIntervalMs;
  }
}
