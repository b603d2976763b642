import type {
  AttemptsLeft,
  Claim,
  ClaimRequest,
  IdempotencyStore,
  LeaseState,
  LeaseTerms,
  StoredRecord,
} from '../../core/store.js';

type Entry = Omit<StoredRecord, 'createdAt' | 'expiresAt' | 'lockedUntil'> & {
  readonly token: string | undefined;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly lockedUntil: number;
};

/** Expired records are removed when there are twice as many as were left the last time, and at least this many. */
const SWEEP_AT_LEAST = 1_000;

/** Leases in the memory of this process: for tests and development. Everything is forgotten when it ends. */
export class InMemoryIdempotencyStore implements IdempotencyStore {
  readonly label = 'memory';
  readonly volatile = true;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Map<string, Set<() => void>>();
  #fence = 0;
  #sweepAt = SWEEP_AT_LEAST;

  /** Takes the clock as an argument, in milliseconds, so that a test can move it. */
  constructor(private readonly now: () => number = Date.now) {}

  /** How many records there are, expired ones that were not swept yet included. */
  get size(): number {
    return this.#entries.size;
  }

  async claim(request: ClaimRequest & LeaseTerms): Promise<Claim> {
    const { id, name, token, fingerprint, lockTtlMs, attemptTtlMs = 0 } = request;
    const entry = this.live(id);
    if (entry?.state === 'done')
      return { state: 'done', fingerprint: entry.fingerprint, outcome: entry.outcome };
    if (entry && this.isLeased(entry))
      return entry.token === token
        ? { state: 'claimed', fence: entry.fence, attempt: entry.attempt }
        : { state: 'running', fingerprint: entry.fingerprint };
    const now = this.now();
    const fence = (this.#fence = Math.max(this.#fence + 1, now * 1_000));
    const attempt = (entry?.attempt ?? 0) + 1;
    this.put({
      id,
      name,
      state: 'running',
      token,
      fingerprint,
      outcome: undefined,
      fence,
      attempt,
      createdAt: now,
      lockedUntil: now + lockTtlMs,
      expiresAt: now + Math.max(lockTtlMs, attemptTtlMs),
    });
    return { state: 'claimed', fence, attempt };
  }

  claimMany(requests: readonly ClaimRequest[], terms: LeaseTerms): Promise<Claim[]> {
    return Promise.all(requests.map((request) => this.claim({ ...request, ...terms })));
  }

  async settle(
    { id, name, token, fingerprint }: ClaimRequest & Pick<LeaseTerms, 'token'>,
    outcome: string | undefined,
    ttlMs: number,
  ): Promise<LeaseState> {
    const entry = this.live(id);
    if (entry?.token !== undefined && entry.token !== token) return 'lost';
    const now = this.now();
    const { fence = now * 1_000, attempt = 1, createdAt = now } = entry ?? {};
    const settled = { id, name, token, fingerprint, fence, attempt, createdAt, outcome };
    this.put({ ...settled, state: 'done', lockedUntil: 0, expiresAt: now + ttlMs });
    this.tell(id);
    return 'held';
  }

  async release(id: string, token: string, attempts?: AttemptsLeft): Promise<void> {
    const entry = this.live(id);
    if (entry?.state !== 'running' || entry.token !== token) return;
    if (!attempts) this.#entries.delete(id);
    else {
      const expiresAt = this.now() + attempts.ttlMs;
      this.put({
        ...entry,
        state: 'free',
        token: undefined,
        fingerprint: undefined,
        attempt: entry.attempt - (attempts.counted ? 0 : 1),
        lockedUntil: 0,
        expiresAt,
      });
    }
    this.tell(id);
  }

  async extend(id: string, token: string, lockTtlMs: number): Promise<LeaseState> {
    const entry = this.live(id);
    if (!entry || !this.isLeased(entry) || entry.token !== token) return 'lost';
    const lockedUntil = this.now() + lockTtlMs;
    this.put({ ...entry, lockedUntil, expiresAt: Math.max(entry.expiresAt, lockedUntil) });
    return 'held';
  }

  async get(id: string): Promise<StoredRecord | undefined> {
    const entry = this.live(id);
    if (!entry) return undefined;
    const { token: _, createdAt, expiresAt, lockedUntil, ...record } = entry;
    const state = this.stateOf(entry);
    return {
      ...record,
      state,
      createdAt: new Date(createdAt),
      expiresAt: new Date(expiresAt),
      lockedUntil: state === 'running' ? new Date(lockedUntil) : undefined,
    };
  }

  async remove(id: string, state: StoredRecord['state']): Promise<boolean> {
    const entry = this.live(id);
    if (!entry || this.stateOf(entry) !== state) return false;
    this.#entries.delete(id);
    this.tell(id);
    return true;
  }

  async purge(limit: number): Promise<number> {
    const expired = [...this.#entries.values()].filter(({ expiresAt }) => expiresAt <= this.now());
    for (const { id } of expired.slice(0, limit)) this.#entries.delete(id);
    return Math.min(limit, expired.length);
  }

  check(): Promise<[]> {
    return Promise.resolve([]);
  }

  async subscribe(id: string, ended: () => void): Promise<() => void> {
    const listeners = this.#listeners.get(id) ?? new Set();
    this.#listeners.set(id, listeners.add(ended));
    return () => {
      listeners.delete(ended);
      if (listeners.size === 0) this.#listeners.delete(id);
    };
  }

  private live(id: string): Entry | undefined {
    const entry = this.#entries.get(id);
    return entry && entry.expiresAt > this.now() ? entry : undefined;
  }

  private isLeased({ state, lockedUntil }: Entry): boolean {
    return state === 'running' && lockedUntil > this.now();
  }

  private stateOf(entry: Entry): StoredRecord['state'] {
    return entry.state === 'running' && !this.isLeased(entry) ? 'free' : entry.state;
  }

  private put(entry: Entry): void {
    this.#entries.set(entry.id, entry);
    if (this.#entries.size < this.#sweepAt) return;
    void this.purge(this.#entries.size);
    // So that a look at all of them is paid for by as many new ones.
    this.#sweepAt = Math.max(SWEEP_AT_LEAST, 2 * this.#entries.size);
  }

  private tell(id: string): void {
    for (const ended of this.#listeners.get(id) ?? []) ended();
  }
}
