import type { IdempotencyStore } from './store.js';

/** Hears from the store that a claim of one key has ended. */
export class Watch {
  #heard!: Promise<void>;
  #hear!: () => void;
  #isHeard!: boolean;
  #stop: (() => void) | undefined;

  private constructor() {
    this.rearm();
  }

  /** Undefined where the store cannot tell, or cannot now. */
  static async on(store: IdempotencyStore, id: string): Promise<Watch | undefined> {
    const watch = new Watch();
    try {
      watch.#stop = await store.subscribe?.(id, () => {
        watch.#isHeard = true;
        watch.#hear();
      });
    } catch {
      return undefined;
    }
    return watch.#stop && watch;
  }

  /** Resolves as soon as a claim has ended since the last `clear()`. */
  get heard(): Promise<void> {
    return this.#heard;
  }

  /** Forgets what was heard: whoever looks into the store now sees it. */
  clear(): void {
    if (this.#isHeard) this.rearm();
  }

  stop(): void {
    this.#stop?.();
  }

  private rearm(): void {
    this.#isHeard = false;
    this.#heard = new Promise((hear) => (this.#hear = hear));
  }
}
