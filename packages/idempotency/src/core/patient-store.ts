import { IdempotencyStoreUnavailableError } from '../idempotency.errors.js';
import { sleep, type Runtime } from './runtime.js';
import type {
  AttemptsLeft,
  Claim,
  ClaimRequest,
  IdempotencyStore,
  LeaseState,
  LeaseTerms,
} from './store.js';
import { textOf } from './text-of.js';

/** Pauses before an outcome that could not be settled is settled again, each twice as long; the lease is renewed meanwhile. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;
/** For so long it is tried at least, and as long as the store may take for an answer: the time of a restart. */
const SHORTEST_TRYING_MS = 1_250;

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
    const { id, name, fingerprint } = request;
    const { token, lockTtlMs, attemptTtlMs } = terms;
    // Written out, because spreading is what shows in a profile of a claim.
    const asked = { id, name, fingerprint, token, lockTtlMs, attemptTtlMs };
    return this.claiming(
      begun(() => this.store.claim(asked)),
      [request],
      terms,
    );
  }

  /** @throws {IdempotencyStoreUnavailableError} as for one */
  claimMany(requests: readonly ClaimRequest[], terms: LeaseTerms): Promise<Claim[]> {
    return this.claiming(
      begun(() => this.store.claimMany(requests, terms)),
      requests,
      terms,
    );
  }

  /** The effect has happened, so this tries hard. */
  settle(
    request: ClaimRequest & Pick<LeaseTerms, 'token'>,
    outcome: string | undefined,
    ttlMs: number,
  ): Promise<Settled> {
    const settle = (): Promise<LeaseState> =>
      begun(() => this.store.settle(request, outcome, ttlMs));
    return this.inTime(
      settle(),
      (state): Settled => ({ state }),
      () => this.settleAgain(settle),
    );
  }

  /** Never rejects. */
  async release(
    requests: readonly ClaimRequest[],
    { token, lockTtlMs }: Pick<LeaseTerms, 'token' | 'lockTtlMs'>,
    attempts?: AttemptsLeft,
  ): Promise<void> {
    const release = async ({ id, name }: ClaimRequest): Promise<void> => {
      try {
        await this.inTime(this.store.release(id, token, attempts), same);
      } catch (error) {
        this.settings.warn(
          `${name}: the claim ${id} could not be given back (${textOf(error)}), so the next attempt has to wait until it runs out, ${lockTtlMs} ms at most.`,
        );
      }
    };
    await Promise.all(requests.map(release));
  }

  private claiming<T>(
    claiming: Promise<T>,
    requests: readonly ClaimRequest[],
    terms: LeaseTerms,
  ): Promise<T> {
    const { runtime, store } = this;
    const since = runtime.now();
    return this.inTime(
      claiming,
      (claimed) =>
        runtime.now() - since < terms.lockTtlMs ? claimed : this.tooLate(requests, terms),
      (error) => {
        // They may be ours without our knowing it; nobody else could run before they run out.
        void claiming.then(
          () => this.giveBack(requests, terms),
          () => undefined,
        );
        throw new IdempotencyStoreUnavailableError(store.label, error);
      },
    );
  }

  /** A slow line or a frozen process: by now somebody else may hold them, and nothing has been run. */
  private async tooLate(requests: readonly ClaimRequest[], terms: LeaseTerms): Promise<never> {
    await this.giveBack(requests, terms);
    const cause = new Error(`the claim took longer than lockTtl, ${terms.lockTtlMs} ms`);
    throw new IdempotencyStoreUnavailableError(this.store.label, cause);
  }

  /**
   * What was claimed and not run is no attempt: of too many a message would be parked because of the store. Those before it
   * were, and a store that is slow now and then must not keep a poisonous message alive.
   */
  private giveBack(requests: readonly ClaimRequest[], terms: LeaseTerms): Promise<void> {
    const { attemptTtlMs: ttlMs } = terms;
    return this.release(requests, terms, ttlMs === undefined ? ttlMs : { ttlMs, counted: false });
  }

  private async settleAgain(settle: () => Promise<LeaseState>): Promise<Settled> {
    const { runtime } = this;
    const end = runtime.now() + Math.max(this.settings.storeTimeoutMs, SHORTEST_TRYING_MS);
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      await sleep(runtime, pause).done;
      try {
        return { state: await this.inTime(settle(), same) };
      } catch (cause) {
        if (runtime.now() >= end) return { cause };
      }
    }
  }

  /**
   * What `then` makes of the answer, or `otherwise` of an error. Clients that queue commands while they are disconnected would
   * otherwise hold a request for minutes. One promise and one timer, since every call passes here twice.
   */
  private inTime<T, R>(
    work: Promise<T>,
    then: (answer: T) => R | Promise<R>,
    otherwise?: (error: unknown) => R | Promise<R>,
  ): Promise<R> {
    const { storeTimeoutMs } = this.settings;
    return new Promise((resolve, reject) => {
      let isOver = false;
      const settle = <V>(make: ((value: V) => R | Promise<R>) | undefined, value: V): void => {
        // An answer that comes after the timeout must not be worked on: nobody would catch what fails then.
        if (isOver) return;
        isOver = true;
        stop();
        try {
          if (make) resolve(make(value));
          else reject(value as Error);
        } catch (error) {
          reject(error as Error);
        }
      };
      const stop = this.runtime.after(storeTimeoutMs, () =>
        settle(otherwise, new Error(`no answer within ${storeTimeoutMs} ms`)),
      );
      work.then(
        (answer) => settle(then, answer),
        (error: unknown) => settle(otherwise, error),
      );
    });
  }
}

/** A store that is not ours may throw where it should reject. */
function begun<T>(work: () => Promise<T>): Promise<T> {
  try {
    return work();
  } catch (error) {
    return Promise.reject(error as Error);
  }
}

const same = <T>(value: T): T => value;
