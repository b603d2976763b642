import { isTransactionError, type SqlResult, type Transactions } from '@acme/nest-transaction';
import {
  IdempotencyAttemptsExhaustedError,
  IdempotencyStoreUnavailableError,
} from '../idempotency.errors.js';
import type {
  Attempt,
  AttemptFate,
  AttemptLimit,
  ClaimInfo,
  GuardedCall,
  Observer,
  Runner,
} from './attempt.js';
import { attemptsOf, claimedOf, type BatchAttempt, type GuardedBatch } from './batch.js';
import type { SqlIdempotencyStore } from './store.js';
import { textOf } from './text-of.js';

/** How often a transaction in which only the claim has run is begun anew after a serialization failure. */
const CLAIM_ATTEMPTS = 10;

/** Rolls the transaction back on the way out with a result. */
class Undo extends Error {
  constructor(
    readonly value: unknown,
    readonly fate: AttemptFate | undefined,
  ) {
    // Read where an outer transaction is told why it cannot commit.
    super(
      'A protected call returned that it did not succeed, so what it did must not be committed.',
    );
  }
}

interface Inside {
  readonly call: GuardedCall;
  /** Whether somebody else has opened the transaction. */
  readonly joined: boolean;
  /** What the opening statement of the claim has answered, where it was carried out. */
  readonly opened: SqlResult | undefined;
}

/** Claim, effect and outcome in one transaction: they commit together or not at all. */
export class TransactionRunner implements Runner {
  /** A call that waits for another one looks more than once. */
  readonly #counted = new WeakSet<GuardedCall>();

  constructor(
    private readonly store: SqlIdempotencyStore,
    private readonly transactions: Transactions,
    /** Told about what could not be written beside the transaction. */
    private readonly warn: (text: string) => void,
  ) {}

  async attempt(call: GuardedCall, observer: Observer): Promise<Attempt> {
    // A joined transaction commits later, if at all: nobody else may be told yet of what was done in it, now or before.
    const joined = this.transactions.isActive;
    if (call.attempts?.repeated && !joined && !this.#counted.has(call))
      await this.count(call, call.attempts);
    let started = false;
    const inside = (opened?: SqlResult): Promise<Attempt> =>
      this.inside({ call, joined, opened }, () => {
        started = true;
        observer.started();
      });
    const opening = joined ? undefined : this.store.inTransaction.opening?.(call, call.ttlMs);
    try {
      return await this.inTransaction(inside, { ...call, opening }, () => started);
    } catch (error) {
      if (error instanceof Undo) {
        await this.adjust(call, error.fate, joined);
        return { state: 'ran', value: error.value, recorded: undefined };
      }
      if (started) await this.failed(call, error, joined);
      throw error;
    }
  }

  private async inside({ call, joined, opened }: Inside, starting: () => void): Promise<Attempt> {
    const { inTransaction } = this.store;
    const claim = await inTransaction.claim(this.transactions.sql(), call, call.ttlMs, opened);
    const recordedAs = (outcome: string | undefined) => (joined ? undefined : { outcome });
    if (claim.state === 'done') return { ...claim, recorded: recordedAs(claim.outcome) };
    if (claim.state === 'running') return claim;
    starting();
    if (call.attempts && claim.attempt > call.attempts.max)
      throw new IdempotencyAttemptsExhaustedError(call.name, call.attempts.max);
    const result = await call.run(unlosable(call.id, claim.fence, claim.attempt));
    const { value, verdict, outcome, fate } = call.conclude(result);
    if (verdict === 'undo') throw new Undo(value, fate);
    if (this.transactions.touched === false) call.unused();
    // The claim says "done, nothing to reply" already, so most events need no further statement.
    if (outcome !== undefined)
      await inTransaction.settle(this.transactions.sql(), call.id, outcome);
    return { state: 'ran', value, recorded: recordedAs(outcome) };
  }

  /** One claim for all, and one transaction: they commit together or not at all. */
  async attemptMany(batch: GuardedBatch): Promise<BatchAttempt[]> {
    let started = false;
    const inside = async (): Promise<BatchAttempt[]> => {
      const { inTransaction } = this.store;
      const { requests, ttlMs } = batch;
      const claims = await inTransaction.claimMany(this.transactions.sql(), requests, ttlMs);
      const claimed = claimedOf(claims);
      if (claimed.length === 0) return attemptsOf(claims, new Map());
      started = true;
      const values = await batch.run(claimed, new AbortController().signal);
      const concluded = claimed.map((at, position) => batch.conclude(at, values[position]));
      if (this.transactions.touched === false) batch.unused();
      for (const [position, { outcome }] of concluded.entries())
        if (outcome !== undefined)
          await inTransaction.settle(
            this.transactions.sql(),
            requests[claimed[position]!]!.id,
            outcome,
          );
      return attemptsOf(claims, new Map(claimed.map((at, n) => [at, concluded[n]!.value])));
    };
    return this.inTransaction(inside, batch, () => started);
  }

  /** @throws {IdempotencyStoreUnavailableError} when the database failed before anything was run */
  private async inTransaction<R>(
    inside: (opened?: SqlResult) => Promise<R>,
    {
      isolation,
      opening,
    }: Pick<GuardedCall, 'isolation'> & { readonly opening?: string | undefined },
    hasStarted: () => boolean,
  ): Promise<R> {
    try {
      return await this.transactions.run(inside, {
        isolation,
        opening,
        // The database gave up the claim for the sake of others: nothing else has run, so nothing can run twice.
        retrySerialization: { attempts: CLAIM_ATTEMPTS, while: () => !hasStarted() },
      });
    } catch (error) {
      // Whether a transaction was committed that has only looked makes no difference.
      const misused = isTransactionError(error) && !leavesOpen(error);
      if (hasStarted() || misused) throw error;
      throw new IdempotencyStoreUnavailableError(this.store.label, error);
    }
  }

  /** Committed before the transaction is opened, whose rollback would take it back. Who runs or is done is not counted. */
  private async count(call: GuardedCall, { ttlMs }: AttemptLimit): Promise<void> {
    try {
      const counted = await this.store.countAttempt(call, ttlMs);
      if (counted !== undefined) this.#counted.add(call);
    } catch (error) {
      throw new IdempotencyStoreUnavailableError(this.store.label, error);
    }
  }

  /** After the rollback. In a joined transaction the claim is held until that ends, and nothing can be written beside it. */
  private async failed(call: GuardedCall, error: unknown, joined: boolean): Promise<void> {
    if (joined) return;
    if (error instanceof IdempotencyAttemptsExhaustedError)
      return this.adjust(call, 'forgotten', joined);
    const outcome = call.concludeError(error);
    if (outcome === undefined) return this.adjust(call, call.fateOf?.(error), joined);
    try {
      await this.keep(call, outcome);
    } catch (cause) {
      call.errorNotKept?.();
      this.warn(
        `${call.name}: its error could not be kept (${textOf(cause)}), so the next attempt runs again.`,
      );
    }
  }

  /** One that counts has been counted before. In a joined transaction nothing was, and nothing can be written beside it. */
  private async adjust(
    call: GuardedCall,
    fate: AttemptFate = 'counted',
    joined: boolean,
  ): Promise<void> {
    if (joined || !call.attempts || fate === 'counted') return;
    try {
      if (fate === 'forgotten') await this.store.remove(call.id, 'free');
      else await this.store.uncountAttempt(call, call.attempts.ttlMs);
    } catch (cause) {
      this.warn(
        `${call.name}: the count of its attempts could not be corrected (${textOf(cause)}), so the message may be parked sooner than maxAttempts says.`,
      );
    }
  }

  /** In a transaction of its own: between it and the rollback, somebody else may have run. Then that counts. */
  private async keep(call: GuardedCall, outcome: string): Promise<void> {
    const { inTransaction } = this.store;
    await this.transactions.run(async () => {
      const sql = this.transactions.sql();
      const claim = await inTransaction.claim(sql, call, call.ttlMs);
      if (claim.state === 'claimed') await inTransaction.settle(sql, call.id, outcome);
      else call.errorNotKept?.();
    });
  }
}

const leavesOpen = (error: unknown): boolean =>
  isTransactionError(error, 'TRANSACTION_OUTCOME_UNKNOWN');

/** The signal never fires, but what listens to it must go with its call: one for all would collect listeners for ever. */
function unlosable(id: string, fence: number, attempt: number): ClaimInfo {
  let signal: AbortSignal | undefined;
  return {
    id,
    fence,
    attempt,
    get signal() {
      return (signal ??= new AbortController().signal);
    },
  };
}
