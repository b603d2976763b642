/** Wakes one waiter. A signal that comes while nobody waits is kept. */
export class Signal {
  #raised = false;
  #wake: (() => void) | undefined;

  readonly raise = (): void => {
    this.#raised = true;
    this.#wake?.();
  };

  /** Resolves with the next signal, or after `ms`. Its timer keeps the process alive: a relay alone in a process is work. */
  async wait(ms: number): Promise<void> {
    if (!this.#raised) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((done) => {
        this.#wake = done;
        timer = setTimeout(done, Math.max(0, ms));
      });
      clearTimeout(timer);
      this.#wake = undefined;
    }
    this.#raised = false;
  }
}
