import { IdempotencyStoreUnavailableError } from '../idempotency.errors.js';
import type { Runtime } from './runtime.js';
import type { Claim, ClaimRequest, IdempotencyStore, LeaseState, LeaseTerms } from './store.js';
import { textOf } from './text-of.js';

/** Pauses before an outcome that could not be settled is settled again; the lease is renewed meanwhile. */
const SETTLE_PAUSES_MS = [50, 200, 1_000];

export interface PatientSettings {
  readonly storeTimeoutMs: number;
  /** Told about a lease that could not be given back: it runs out by itself. */
  readonly warn: (text: string) => void;
}

/** What came of settling; `cause` where the store could not be asked, however often. */
export type Settled = { readonly state?: LeaseState; readonly cause?: unknown };

/** A store that may hang or fail for a while: nobody waits for it too long, and an outcome is not lost too easily. */
export class PatientStore {
  constructor(
    readonly store: IdempotencyStore,
    private readonly runtime: Runtime,
    private readonly settings: PatientSettings,
  ) {}

  /** @throws {IdempotencyStoreUnavailableError} when it does not answer in time, or after the lease has run out */
  async claim(requests: readonly ClaimRequest[], terms: LeaseTerms): Promise<Claim[]> {
    const { store, runtime } = this;
    const since = runtime.now();
    const single = requests.length === 1 ? requests[0] : undefined;
    const claiming = single
      ? store.claim({ ...single, ...terms }).then((claim) => [claim])
      : store.claimMany(requests, terms);
    const claims = await this.inTime(claiming).catch((error: unknown) => {
      // They may be ours without our knowing it; nobody else could run before they run out.
      void claiming.then(
        () => this.release(requests, terms),
        () => undefined,
      );
      throw new IdempotencyStoreUnavailableError(store.label, error);
    });
    if (runtime.now() - since < terms.lockTtlMs) return claims;
    // A slow line or a frozen process: by now somebody else may hold them, and nothing has been run.
    await this.release(requests, terms);
    const cause = new Error(`the claim took longer than lockTtl, ${terms.lockTtlMs} ms`);
    throw new IdempotencyStoreUnavailableError(store.label, cause);
  }

  /** The effect has happened, so this tries hard. */
  async settle(
    request: ClaimRequest & Pick<LeaseTerms, 'token'>,
    outcome: string | undefined,
    ttlMs: number,
  ): Promise<Settled> {
    const settle = (): Promise<LeaseState> =>
      this.inTime(this.store.settle(request, outcome, ttlMs));
    for (const pause of SETTLE_PAUSES_MS) {
      try {
        return { state: await settle() };
      } catch {
        await this.runtime.sleep(pause).done;
      }
    }
    return settle().then(
      (state) => ({ state }),
      (cause: unknown) => ({ cause }),
    );
  }

  /** Never rejects. */
  async release(requests: readonly ClaimRequest[], terms: LeaseTerms): Promise<void> {
    const { token, lockTtlMs, attemptTtlMs } = terms;
    const release = async ({ id, name }: ClaimRequest): Promise<void> => {
      try {
        await this.inTime(this.store.release(id, token, attemptTtlMs));
      } catch (error) {
        this.settings.warn(
          `${name}: the claim ${id} could not be given back (${textOf(error)}), so the next attempt has to wait until it runs out, ${lockTtlMs} ms at most.`,
        );
      }
    };
    await Promise.all(requests.map(release));
  }

  /** Clients that queue commands while they are disconnected would otherwise hold a request for minutes. */
  private async inTime<T>(work: Promise<T>): Promise<T> {
    const { storeTimeoutMs } = this.settings;
    const timeout = this.runtime.sleep(storeTimeoutMs);
    const late = timeout.done.then(() => {
      throw new Error(`no answer within ${storeTimeoutMs} ms`);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      timeout.stop();
    }
  }
}
