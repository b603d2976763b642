import { perSecond } from '../../../measure/cost.js';

/** Holds what is delivered until a turn begins, so that all of it is in the queue by then, and tells when the last has come. */
export class Turn {
  #left = 0;
  #begin: () => void = () => {};
  #end: () => void = () => {};
  #held: Promise<void> | undefined;

  constructor() {
    this.#hold();
  }

  /** Called with each message, at the beginning of its handler; it goes on when what is returned has resolved. */
  take(): Promise<void> | undefined {
    if (this.#held) return this.#held.then(() => this.done());
    this.done();
    return undefined;
  }

  /** Instead of `take()` where a handler takes its time: when it may begin. `done()` is to follow. */
  begun(): Promise<void> | undefined {
    return this.#held;
  }

  done(): void {
    this.#left -= 1;
    if (this.#left > 0) return;
    this.#hold();
    this.#end();
  }

  /** Lets `count` messages through, and gives how many there were per second. */
  run(count: number): Promise<number> {
    return perSecond(count, () => {
      this.#left = count;
      const ended = new Promise<void>((resolve) => (this.#end = resolve));
      this.#held = undefined;
      this.#begin();
      return ended;
    });
  }

  #hold(): void {
    this.#held = new Promise((resolve) => (this.#begin = resolve));
  }
}
