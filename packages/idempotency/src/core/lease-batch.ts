import { attemptsOf, claimedOf, type BatchAttempt, type GuardedBatch } from './batch.js';
import { Lease } from './lease.js';
import type { PatientStore } from './patient-store.js';
import type { Runtime } from './runtime.js';
import { UNKEPT } from './attempt.js';

/** One claim for all, one lease for each, one settlement for each. */
export class LeaseBatch {
  readonly #token: string;
  readonly #aborted = new AbortController();

  constructor(
    private readonly store: PatientStore,
    private readonly runtime: Runtime,
    private readonly batch: GuardedBatch,
  ) {
    this.#token = runtime.token();
  }

  async attempt(): Promise<BatchAttempt[]> {
    const { batch } = this;
    const { requests, lockTtlMs } = batch;
    const since = this.runtime.now();
    const claims = await this.store.claimMany(requests, { token: this.#token, lockTtlMs });
    const claimed = claimedOf(claims);
    if (claimed.length === 0) return attemptsOf(claims, new Map());
    const leases = claimed.map((at) => this.leaseOn(requests[at]!.id, since));
    try {
      const values = await this.run(claimed);
      const settled = await Promise.all(
        claimed.map((at, position) => this.settle(at, values[position])),
      );
      const refused = settled.find((one) => one.refused);
      if (refused) throw refused.refused!.error;
      return attemptsOf(claims, new Map(claimed.map((at, n) => [at, settled[n]!.value])));
    } finally {
      for (const lease of leases) lease.end();
    }
  }

  private leaseOn(id: string, since: number): Lease {
    const { lockTtlMs, maxLockHoldMs } = this.batch;
    const lease: Lease = new Lease(
      this.store.store,
      {
        id,
        token: this.#token,
        lockTtlMs,
        maxLockHoldMs,
        since,
        onLost: () => {
          this.#aborted.abort(lease.signal.reason);
          this.batch.lost?.(id);
        },
      },
      this.runtime,
    );
    return lease;
  }

  /** An error of the function gives all of them back. */
  private async run(claimed: readonly number[]): Promise<readonly unknown[]> {
    const { batch } = this;
    try {
      return await batch.run(claimed, this.#aborted.signal);
    } catch (error) {
      await this.store.release(
        claimed.map((at) => batch.requests[at]!),
        { token: this.#token, lockTtlMs: batch.lockTtlMs },
      );
      throw error;
    }
  }

  /** A result that is refused changes nothing about the effect: its call is done, and the others are settled all the same. */
  private async settle(
    at: number,
    result: unknown,
  ): Promise<{ value?: unknown; refused?: { error: unknown } }> {
    const { batch } = this;
    const request = { ...batch.requests[at]!, token: this.#token };
    const record = async (outcome: string | undefined): Promise<void> => {
      const { state, cause } = await this.store.settle(request, outcome, batch.ttlMs);
      if (state !== 'held') batch.unrecorded(at, cause);
    };
    try {
      const { value, outcome } = batch.conclude(at, result);
      await record(outcome);
      return { value };
    } catch (error) {
      await record(UNKEPT);
      return { refused: { error } };
    }
  }
}
