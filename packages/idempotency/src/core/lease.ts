import { IdempotencyLeaseLostError } from '../idempotency.errors.js';
import type { Runtime } from './runtime.js';
import type { IdempotencyStore } from './store.js';

interface LeaseParts {
  readonly id: string;
  readonly token: string;
  readonly lockTtlMs: number;
  readonly maxLockHoldMs: number;
  /** From before the store was asked for it: the store counted from some moment after that. */
  readonly since: number;
  /** Told when it is lost. */
  readonly onLost: () => void;
}

/** A held lease: renewed while the handler runs, and given up when that no longer works. */
export class Lease {
  #controller: AbortController | undefined;
  #lost: Error | undefined;
  readonly #stop: () => void;
  #renewedAt: number;
  #renewing = false;
  #isOver = false;

  constructor(
    private readonly store: IdempotencyStore,
    private readonly parts: LeaseParts,
    private readonly runtime: Runtime,
  ) {
    this.#renewedAt = parts.since;
    // A third, so that one renewal may fail and another be late before the lease runs out.
    this.#stop = runtime.every(parts.lockTtlMs / 3, () => void this.beat());
  }

  /** Aborted once the lease may be somebody else's. Made on first use: most handlers never ask. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#lost) this.#controller.abort(this.#lost);
    }
    return this.#controller.signal;
  }

  end(): void {
    this.#isOver = true;
    this.#stop();
  }

  private async beat(): Promise<void> {
    const { id, token, lockTtlMs, maxLockHoldMs, since } = this.parts;
    const now = this.runtime.now();
    if (now - since > maxLockHoldMs) return this.lose('it was held for maxLockHold');
    if (now - this.#renewedAt > lockTtlMs) return this.lose('it could not be renewed in time');
    // One at a time: against a store that hangs, beats would pile up.
    if (this.#renewing) return;
    this.#renewing = true;
    try {
      const state = await this.store.extend(id, token, lockTtlMs);
      if (state === 'lost') this.lose('it ran out');
      // From before the question, as in the beginning.
      else this.#renewedAt = now;
    } catch {
      // The next beat tries again; when none succeeds in time, the lease counts as lost.
    } finally {
      this.#renewing = false;
    }
  }

  private lose(why: string): void {
    // A renewal that was under way at the end finds what was settled, and that is no loss.
    if (this.#isOver) return;
    this.end();
    this.#lost = new IdempotencyLeaseLostError(why);
    this.#controller?.abort(this.#lost);
    this.parts.onLost();
  }
}
