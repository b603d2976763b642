import { IdempotencyAttemptsExhaustedError } from '../idempotency.errors.js';
import {
  UNKEPT,
  type Attempt,
  type AttemptFate,
  type ClaimInfo,
  type Conclusion,
  type GuardedCall,
  type Observer,
  type Runner,
} from './attempt.js';
import type { BatchAttempt, GuardedBatch } from './batch.js';
import { Lease } from './lease.js';
import { LeaseBatch } from './lease-batch.js';
import { PatientStore, type PatientSettings, type Settled } from './patient-store.js';
import type { Runtime } from './runtime.js';
import type { ClaimRequest, IdempotencyStore, LeaseTerms } from './store.js';

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

  async attempt(call: GuardedCall, observer: Observer): Promise<Attempt> {
    const { id, lockTtlMs, maxLockHoldMs, attempts } = call;
    const token = this.runtime.token();
    const terms: LeaseTerms = { token, lockTtlMs, attemptTtlMs: attempts?.ttlMs };
    const since = this.runtime.now();
    const claim = await this.#store.claim(requestOf(call), terms);
    if (claim.state === 'done') return { ...claim, recorded: { outcome: claim.outcome } };
    if (claim.state === 'running') return claim;
    if (attempts && claim.attempt > attempts.max) return this.exhausted(call, terms, attempts.max);
    const onLost = (): void => observer.lost();
    const parts = { id, token, lockTtlMs, maxLockHoldMs, since, onLost };
    const lease = new Lease(this.#store.store, parts, this.runtime);
    let ran = false;
    try {
      observer.started();
      const result = await call.run(new LeasedClaim(call.id, claim, lease));
      ran = true;
      const { value, verdict, outcome, refused, fate } = conclude(call, result);
      if (verdict === 'undo') {
        await this.giveBack(call, terms, fate);
        return { state: 'ran', value, recorded: undefined };
      }
      const settled = await this.#store.settle(settlementOf(call, terms), outcome, call.ttlMs);
      const recorded = isRecorded(call, settled);
      if (refused) throw refused.error;
      return { state: 'ran', value, recorded: recorded ? { outcome } : undefined };
    } catch (error) {
      if (!ran) await this.failed(call, terms, error);
      throw error;
    } finally {
      lease.end();
    }
  }

  attemptMany(batch: GuardedBatch): Promise<BatchAttempt[]> {
    return new LeaseBatch(this.#store, this.runtime, batch).attempt();
  }

  /** Its count begins anew, so that an operator may send it again. */
  private async exhausted(call: GuardedCall, terms: LeaseTerms, max: number): Promise<never> {
    await this.giveBack(call, terms, 'forgotten');
    throw new IdempotencyAttemptsExhaustedError(call.name, max);
  }

  /** The function has thrown: the key is given back, or the error kept. */
  private async failed(call: GuardedCall, terms: LeaseTerms, error: unknown): Promise<void> {
    const outcome = call.concludeError(error);
    if (outcome === undefined) await this.giveBack(call, terms, call.fateOf?.(error));
    else isRecorded(call, await this.#store.settle(settlementOf(call, terms), outcome, call.ttlMs));
  }

  private giveBack(
    call: GuardedCall,
    terms: LeaseTerms,
    fate: AttemptFate = 'counted',
  ): Promise<void> {
    const { attemptTtlMs: ttlMs } = terms;
    const left =
      ttlMs === undefined || fate === 'forgotten'
        ? undefined
        : { ttlMs, counted: fate === 'counted' };
    return this.#store.release([requestOf(call)], terms, left);
  }
}

/** Whether the outcome stands in the store. */
function isRecorded(call: GuardedCall, { state, cause }: Settled): boolean {
  if (state !== 'held') call.unrecorded(cause);
  return state === 'held';
}

/** A result that is refused changes nothing about the effect: given back, the key would let the repetition have another. */
function conclude(
  call: GuardedCall,
  result: unknown,
): Conclusion & { readonly refused?: { readonly error: unknown } } {
  try {
    return call.conclude(result);
  } catch (error) {
    return { value: undefined, verdict: 'record', outcome: UNKEPT, refused: { error } };
  }
}

class LeasedClaim implements ClaimInfo {
  readonly fence: number;
  readonly attempt: number;

  constructor(
    readonly id: string,
    { fence, attempt }: Pick<ClaimInfo, 'fence' | 'attempt'>,
    private readonly lease: Lease,
  ) {
    this.fence = fence;
    this.attempt = attempt;
  }

  get signal(): AbortSignal {
    return this.lease.signal;
  }
}

const requestOf = ({ id, name, fingerprint }: GuardedCall): ClaimRequest => ({
  id,
  name,
  fingerprint,
});

const settlementOf = ({ id, name, fingerprint }: GuardedCall, { token }: LeaseTerms) => ({
  id,
  name,
  fingerprint,
  token,
});
