/** Pauses that end early, all at once, when there is no more time to wait. */
export class Pauses {
  readonly #waiting = new Map<NodeJS.Timeout, () => void>();
  #areOver = false;

  /** Whether they were released: nothing is waited for any more. */
  get areOver(): boolean {
    return this.#areOver;
  }

  async wait(ms: number): Promise<void> {
    if (this.#areOver) return;
    await new Promise<void>((done) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(timer);
        done();
      }, ms);
      this.#waiting.set(timer, done);
    });
  }

  release(): void {
    this.#areOver = true;
    for (const [timer, done] of this.#waiting) {
      clearTimeout(timer);
      done();
    }
    this.#waiting.clear();
  }
}
