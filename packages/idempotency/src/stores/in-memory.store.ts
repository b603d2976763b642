import type { Claim, ClaimRequest, LeaseState, LeaseStore, LeaseTerms } from '../core/store.js';

interface Entry {
  readonly token: string;
  readonly fingerprint: string | undefined;
  readonly fence: number;
  done: boolean;
  outcome: string | undefined;
  expiresAt: number;
}

/** Expired records are removed whenever this many new ones have been made since the last time. */
const SWEEP_EVERY = 1_000;

/** Leases in the memory of this process: for tests and development. Everything is forgotten when it ends. */
export class InMemoryIdempotencyStore implements LeaseStore {
  readonly kind = 'lease';
  readonly label = 'memory';
  readonly volatile = true;
  readonly #entries = new Map<string, Entry>();
  #fence = 0;

  /** Takes the clock as an argument, in milliseconds, so that a test can move it. */
  constructor(private readonly now: () => number = Date.now) {}

  /** How many records there are, expired ones that were not swept yet included. */
  get size(): number {
    return this.#entries.size;
  }

  async claim({ id, token, fingerprint, lockTtlMs }: ClaimRequest & LeaseTerms): Promise<Claim> {
    const entry = this.live(id);
    if (entry?.done)
      return { state: 'done', fingerprint: entry.fingerprint, outcome: entry.outcome };
    if (entry && entry.token !== token) return { state: 'running', fingerprint: entry.fingerprint };
    if (entry) return { state: 'claimed', fence: entry.fence };
    this.#fence = Math.max(this.#fence + 1, this.now() * 1_000);
    const claimed = { token, fingerprint, fence: this.#fence, done: false, outcome: undefined };
    this.#entries.set(id, { ...claimed, expiresAt: this.now() + lockTtlMs });
    this.sweep();
    return { state: 'claimed', fence: this.#fence };
  }

  async complete(
    { id, token, fingerprint }: ClaimRequest & Pick<LeaseTerms, 'token'>,
    outcome: string | undefined,
    ttlMs: number,
  ): Promise<LeaseState> {
    const entry = this.live(id);
    if (entry && entry.token !== token) return 'lost';
    const fence = entry?.fence ?? 0;
    const expiresAt = this.now() + ttlMs;
    this.#entries.set(id, { token, fingerprint, fence, done: true, outcome, expiresAt });
    return 'held';
  }

  async release(id: string, token: string): Promise<void> {
    const entry = this.live(id);
    if (entry?.token === token && !entry.done) this.#entries.delete(id);
  }

  async extend(id: string, token: string, lockTtlMs: number): Promise<LeaseState> {
    const entry = this.live(id);
    if (entry?.token !== token || entry.done) return 'lost';
    entry.expiresAt = this.now() + lockTtlMs;
    return 'held';
  }

  private live(id: string): Entry | undefined {
    const entry = this.#entries.get(id);
    return entry && entry.expiresAt > this.now() ? entry : undefined;
  }

  private sinceSweep = 0;

  private sweep(): void {
    if (++this.sinceSweep < SWEEP_EVERY) return;
    this.sinceSweep = 0;
    for (const [id, { expiresAt }] of this.#entries)
      if (expiresAt <= this.now()) this.#entries.delete(id);
  }
}
