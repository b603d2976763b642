import { AsyncLocalStorage } from 'node:async_hooks';
import type { ClaimInfo } from './core/attempt.js';
import { derivedKey } from './core/identity.js';

/** What the running handler may know about its claim. */
export class IdempotencyInfo {
  #ended = false;

  /** @internal */
  constructor(
    private readonly claim: ClaimInfo,
    private readonly outer: IdempotencyInfo | undefined,
  ) {}

  /** The claim under which the calling code runs, the innermost one; undefined outside of any. */
  static current(): IdempotencyInfo | undefined {
    return storage.getStore();
  }

  /** Name of the record: 64 hexadecimal digits that do not tell the key. For logs, and for looking into the store. */
  get id(): string {
    return this.claim.id;
  }

  /**
   * Greater than that of every earlier claim of this key. A resource that remembers the greatest one it has seen can refuse
   * a runner that was overtaken, which no lease can.
   */
  get fence(): number {
    return this.claim.fence;
  }

  /**
   * 1 for the first attempt at this key. More only where attempts are counted: for events, as `maxAttempts` has it, and in
   * transaction mode from the first redelivery on.
   */
  get attempt(): number {
    return this.claim.attempt;
  }

  /** Aborted when the lease is lost: stop, somebody else may be running. Never aborted in transaction mode. */
  get signal(): AbortSignal {
    return this.claim.signal;
  }

  /**
   * An idempotency key for a call downstream: another one for every label, the same on every attempt, and no way back to
   * the key it comes from.
   */
  deriveKey(label: string): string {
    return derivedKey(this.id, label);
  }

  /**
   * Whether the calling code is part of a call that is under way with this id. Timers, connections and listeners that a
   * handler leaves behind see its info for ever; what they do later is not part of the call.
   *
   * @internal
   */
  holds(id: string): boolean {
    return (!this.#ended && this.id === id) || (this.outer?.holds(id) ?? false);
  }

  /** @internal */
  static async run<R>(claim: ClaimInfo, fn: () => Promise<R>): Promise<R> {
    const info = new IdempotencyInfo(claim, storage.getStore());
    try {
      return await storage.run(info, fn);
    } finally {
      info.#ended = true;
    }
  }
}

// On globalThis under a versioned key, so that two installed copies of this package know of each other's claims.
const KEY = Symbol.for('@acme/nest-idempotency:info:v1');
const shared = globalThis as { [KEY]?: AsyncLocalStorage<IdempotencyInfo> };
const storage = (shared[KEY] ??= new AsyncLocalStorage());
