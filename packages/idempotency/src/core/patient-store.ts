import { IdempotencyStoreUnavailableError } from '../idempotency.errors.js';
import { sleep, type Runtime } from './runtime.js';
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
  claim(request: ClaimRequest, terms: LeaseTerms): Promise<Claim> {
    return this.claiming(this.store.claim({ ...request, ...terms }), [request], terms);
  }

  /** @throws {IdempotencyStoreUnavailableError} as for one */
  claimMany(requests: readonly ClaimRequest[], terms: LeaseTerms): Promise<Claim[]> {
    return this.claiming(this.store.claimMany(requests, terms), requests, terms);
  }

  /** The effect has happened, so this tries hard. */
  settle(
    request: ClaimRequest & Pick<LeaseTerms, 'token'>,
    outcome: string | undefined,
    ttlMs: number,
  ): Promise<Settled> {
    const settle = (): Promise<LeaseState> =>
      this.inTime(this.store.settle(request, outcome, ttlMs));
    return settle().then(
      (state) => ({ state }),
      () => this.settleAgain(settle),
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

  private async claiming<T>(
    claiming: Promise<T>,
    requests: readonly ClaimRequest[],
    terms: LeaseTerms,
  ): Promise<T> {
    const { runtime, store } = this;
    const since = runtime.now();
    let claimed: T;
    try {
      claimed = await this.inTime(claiming);
    } catch (error) {
      // They may be ours without our knowing it; nobody else could run before they run out.
      void claiming.then(
        () => this.release(requests, terms),
        () => undefined,
      );
      throw new IdempotencyStoreUnavailableError(store.label, error);
    }
    if (runtime.now() - since < terms.lockTtlMs) return claimed;
    // A slow line or a frozen process: by now somebody else may hold them, and nothing has been run.
    await this.release(requests, terms);
    const cause = new Error(`the claim took longer than lockTtl, ${terms.lockTtlMs} ms`);
    throw new IdempotencyStoreUnavailableError(store.label, cause);
  }

  private async settleAgain(settle: () => Promise<LeaseState>): Promise<Settled> {
    let cause: unknown;
    for (const pause of SETTLE_PAUSES_MS) {
      await sleep(this.runtime, pause).done;
      try {
        return { state: await settle() };
      } catch (error) {
        cause = error;
      }
    }
    return { cause };
  }

  /** Clients that queue commands while they are disconnected would otherwise hold a request for minutes. */
  private inTime<T>(work: Promise<T>): Promise<T> {
    const { storeTimeoutMs } = this.settings;
    return new Promise((resolve, reject) => {
      const stop = this.runtime.after(storeTimeoutMs, () =>
        reject(new Error(`no answer within ${storeTimeoutMs} ms`)),
      );
      work.then(
        (answer) => {
          stop();
          resolve(answer);
        },
        (error: unknown) => {
          stop();
          reject(error as Error);
        },
      );
    });
  }
}
