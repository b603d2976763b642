import { IdempotencyStoreUnavailableError } from '../idempotency.errors.js';
import { UNKEPT, type Attempt, type Conclusion, type GuardedCall, type Runner } from './attempt.js';
import { Lease } from './lease.js';
import type { Runtime } from './runtime.js';
import { textOf } from './text-of.js';
import type { Claim, ClaimRequest, LeaseState, LeaseStore } from './store.js';

/** Pauses before an outcome that could not be recorded is recorded again; the lease is renewed meanwhile. */
const COMPLETE_PAUSES_MS = [50, 200, 1_000];

interface Settings {
  readonly storeTimeoutMs: number;
  /** Told about a lease that could not be given back: it runs out by itself. */
  readonly warn: (text: string) => void;
}

/** One runner at a time by a lease, and one recorded outcome by compare-and-set. */
export class LeaseRunner implements Runner {
  constructor(
    private readonly store: LeaseStore,
    private readonly runtime: Runtime,
    private readonly settings: Settings,
  ) {}

  async attempt(call: GuardedCall): Promise<Attempt> {
    const token = this.runtime.token();
    const since = this.runtime.now();
    const claim = await this.claim(call, token);
    if (claim.state === 'done') return { ...claim, recorded: { outcome: claim.outcome } };
    if (claim.state === 'running') return claim;
    const { id, lockTtlMs, maxLockHoldMs } = call;
    if (this.runtime.now() - since >= lockTtlMs) return this.tooLate(call, token);
    const onLost = (): void => call.lost?.();
    const parts = { id, token, lockTtlMs, maxLockHoldMs, since, onLost };
    const lease = new Lease(this.store, parts, this.runtime);
    try {
      const result = await this.run(call, token, claim.fence, lease);
      const { value, verdict, outcome } = await this.conclude(call, token, result);
      if (verdict === 'undo') {
        await this.release(call, token);
        return { state: 'ran', value, recorded: undefined };
      }
      const recorded = await this.record(call, token, outcome);
      return { state: 'ran', value, recorded: recorded ? { outcome } : undefined };
    } finally {
      lease.end();
    }
  }

  private async claim(call: GuardedCall, token: string): Promise<Claim> {
    const { lockTtlMs } = call;
    const claiming = this.store.claim({ ...requestOf(call), token, lockTtlMs });
    try {
      return await this.inTime(claiming);
    } catch (error) {
      // It may be ours without our knowing it; nobody else could run before it runs out.
      void claiming.then(
        () => this.release(call, token),
        () => undefined,
      );
      throw new IdempotencyStoreUnavailableError(this.store.label, error);
    }
  }

  /** A slow line or a frozen process: by now somebody else may hold the key, and nothing has been run. */
  private async tooLate(call: GuardedCall, token: string): Promise<never> {
    await this.release(call, token);
    const cause = new Error(`the claim took longer than lockTtl, ${call.lockTtlMs} ms`);
    throw new IdempotencyStoreUnavailableError(this.store.label, cause);
  }

  private async run(
    call: GuardedCall,
    token: string,
    fence: number,
    lease: Lease,
  ): Promise<unknown> {
    try {
      return await call.run({
        id: call.id,
        fence,
        get signal() {
          return lease.signal;
        },
      });
    } catch (error) {
      await this.release(call, token);
      throw error;
    }
  }

  /** A result that is refused changes nothing about the effect: given back, the key would let the repetition have another. */
  private async conclude(call: GuardedCall, token: string, result: unknown): Promise<Conclusion> {
    try {
      return call.conclude(result);
    } catch (error) {
      await this.record(call, token, UNKEPT);
      throw error;
    }
  }

  /** Whether the outcome stands in the store. The effect has happened, so this tries hard. */
  private async record(
    call: GuardedCall,
    token: string,
    outcome: string | undefined,
  ): Promise<boolean> {
    const complete = (): Promise<LeaseState> =>
      this.inTime(this.store.complete({ ...requestOf(call), token }, outcome, call.ttlMs));
    const { state, cause } = await this.tryHard(complete);
    if (state !== 'held') call.unrecorded(cause);
    return state === 'held';
  }

  private async tryHard(
    complete: () => Promise<LeaseState>,
  ): Promise<{ state?: LeaseState; cause?: unknown }> {
    for (const pause of COMPLETE_PAUSES_MS) {
      try {
        return { state: await complete() };
      } catch {
        await this.runtime.sleep(pause).done;
      }
    }
    return complete().then(
      (state) => ({ state }),
      (cause: unknown) => ({ cause }),
    );
  }

  private async release({ id, name, lockTtlMs }: GuardedCall, token: string): Promise<void> {
    try {
      await this.inTime(this.store.release(id, token));
    } catch (error) {
      this.settings.warn(
        `${name}: the claim ${id} could not be given back (${textOf(error)}), so the next attempt has to wait until it runs out, ${lockTtlMs} ms at most.`,
      );
    }
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

const requestOf = ({ id, name, fingerprint }: GuardedCall): ClaimRequest => ({
  id,
  name,
  fingerprint,
});
