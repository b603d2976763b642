import { sleep, type Runtime } from './runtime.js';
import type { IdempotencyStore } from './store.js';

/** A connection that hangs must not keep anybody from looking again. */
const LONGEST_OPENING_MS = 1_000;

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
  static async on(
    store: IdempotencyStore,
    id: string,
    runtime: Runtime,
  ): Promise<Watch | undefined> {
    const watch = new Watch();
    const opening = watch.open(store, id);
    const limit = sleep(runtime, LONGEST_OPENING_MS);
    const isOpen = await Promise.race([opening, limit.done]);
    limit.stop();
    if (isOpen) return watch;
    void opening.then(() => watch.stop());
    return undefined;
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

  /** Whether it is; never rejects. */
  private async open(store: IdempotencyStore, id: string): Promise<boolean> {
    try {
      this.#stop = await store.subscribe?.(id, () => {
        this.#isHeard = true;
        this.#hear();
      });
    } catch {
      return false;
    }
    return this.#stop !== undefined;
  }

  private rearm(): void {
    this.#isHeard = false;
    this.#heard = new Promise((hear) => (this.#hear = hear));
  }
}
