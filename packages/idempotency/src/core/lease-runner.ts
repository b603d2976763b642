import { IdempotencyAttemptsExhaustedError } from '../idempotency.errors.js';
import { UNKEPT, type Attempt, type Conclusion, type GuardedCall, type Runner } from './attempt.js';
import type { BatchAttempt, GuardedBatch } from './batch.js';
import { Lease } from './lease.js';
import { LeaseBatch } from './lease-batch.js';
import { PatientStore, type PatientSettings } from './patient-store.js';
import type { Runtime } from './runtime.js';
import type { Claim, ClaimRequest, IdempotencyStore, LeaseTerms } from './store.js';

/** One runner at a time by a lease, and one recorded outcome by compare-and-set. */
export class LeaseRunner implements Runner {
  readonly #store: PatientStore;

  constructor(
    store: IdempotencyStore,
    private readonly runtime: Runtime,
    settings: PatientSettings,
  ) {
    this.#store = new PatientStore(store, runtime, settings);
  }

  async attempt(call: GuardedCall): Promise<Attempt> {
    const { lockTtlMs, attempts } = call;
    const terms = { token: this.runtime.token(), lockTtlMs, attemptTtlMs: attempts?.ttlMs };
    const since = this.runtime.now();
    const [claim] = await this.#store.claim([requestOf(call)], terms);
    if (claim!.state === 'done') return { ...claim!, recorded: { outcome: claim!.outcome } };
    if (claim!.state === 'running') return claim!;
    if (attempts && claim!.attempt > attempts.max) return this.exhausted(call, terms, attempts.max);
    const onLost = (): void => call.lost?.();
    const { maxLockHoldMs } = call;
    const parts = { id: call.id, token: terms.token, lockTtlMs, maxLockHoldMs, since, onLost };
    const lease = new Lease(this.#store.store, parts, this.runtime);
    try {
      const result = await this.run(call, terms, claim!, lease);
      const { value, verdict, outcome } = await this.conclude(call, terms, result);
      if (verdict === 'undo') {
        await this.release(call, terms);
        return { state: 'ran', value, recorded: undefined };
      }
      const recorded = await this.record(call, terms, outcome);
      return { state: 'ran', value, recorded: recorded ? { outcome } : undefined };
    } finally {
      lease.end();
    }
  }

  attemptMany(batch: GuardedBatch): Promise<BatchAttempt[]> {
    return new LeaseBatch(this.#store, this.runtime, batch).attempt();
  }

  /** Its count begins anew, so that an operator may send it again. */
  private async exhausted(call: GuardedCall, terms: LeaseTerms, max: number): Promise<never> {
    await this.release(call, { ...terms, attemptTtlMs: undefined });
    throw new IdempotencyAttemptsExhaustedError(call.name, max);
  }

  private async run(
    call: GuardedCall,
    terms: LeaseTerms,
    { fence, attempt }: Extract<Claim, { state: 'claimed' }>,
    lease: Lease,
  ): Promise<unknown> {
    try {
      return await call.run({
        id: call.id,
        fence,
        attempt,
        get signal() {
          return lease.signal;
        },
      });
    } catch (error) {
      const outcome = call.concludeError(error);
      if (outcome === undefined) await this.release(call, terms);
      else await this.record(call, terms, outcome);
      throw error;
    }
  }

  /** A result that is refused changes nothing about the effect: given back, the key would let the repetition have another. */
  private async conclude(
    call: GuardedCall,
    terms: LeaseTerms,
    result: unknown,
  ): Promise<Conclusion> {
    try {
      return call.conclude(result);
    } catch (error) {
      await this.record(call, terms, UNKEPT);
      throw error;
    }
  }

  /** Whether the outcome stands in the store. */
  private async record(
    call: GuardedCall,
    { token }: LeaseTerms,
    outcome: string | undefined,
  ): Promise<boolean> {
    const request = { ...requestOf(call), token };
    const { state, cause } = await this.#store.settle(request, outcome, call.ttlMs);
    if (state !== 'held') call.unrecorded(cause);
    return state === 'held';
  }

  private release(call: GuardedCall, terms: LeaseTerms): Promise<void> {
    return this.#store.release([requestOf(call)], terms);
  }
}

const requestOf = ({ id, name, fingerprint }: GuardedCall): ClaimRequest => ({
  id,
  name,
  fingerprint,
});
