import { isTransactionError, type Transactions } from '@acme/nest-transaction';
import { IdempotencyStoreUnavailableError } from '../idempotency.errors.js';
import type { Attempt, ClaimInfo, GuardedCall, Runner } from './attempt.js';
import type { TransactionalStore } from './store.js';

/** How often a transaction in which only the claim has run is begun anew after a serialization failure. */
const CLAIM_ATTEMPTS = 10;

/** Rolls the transaction back on the way out with a result. */
class Undo {
  constructor(readonly value: unknown) {}
}

/** Claim, effect and outcome in one transaction: they commit together or not at all. */
export class TransactionRunner implements Runner {
  constructor(
    private readonly store: TransactionalStore,
    private readonly transactions: Transactions,
  ) {}

  async attempt(call: GuardedCall): Promise<Attempt> {
    // A joined transaction commits later, if at all: nobody else may be told yet of what was done in it, now or before.
    const joined = this.transactions.isActive;
    let started = false;
    try {
      return await this.transactions.run(() => this.inside(call, joined, () => (started = true)), {
        isolation: call.isolation,
        // The database gave up the claim for the sake of others: nothing else has run, so nothing can run twice.
        retrySerialization: { attempts: CLAIM_ATTEMPTS, while: () => !started },
      });
    } catch (error) {
      if (error instanceof Undo) return { state: 'ran', value: error.value, recorded: undefined };
      // Whether a transaction was committed that has only looked makes no difference.
      const misused = isTransactionError(error) && !leavesOpen(error);
      if (started || misused) throw error;
      throw new IdempotencyStoreUnavailableError(this.store.label, error);
    }
  }

  private async inside(call: GuardedCall, joined: boolean, starting: () => void): Promise<Attempt> {
    const sql = this.transactions.sql();
    const claim = await this.store.claim(sql, call);
    const recordedAs = (outcome: string | undefined) => (joined ? undefined : { outcome });
    if (claim.state === 'done') return { ...claim, recorded: recordedAs(claim.outcome) };
    if (claim.state === 'running') return claim;
    starting();
    const result = await call.run(unlosable(call.id, claim.fence));
    const { value, verdict, outcome } = call.conclude(result);
    if (verdict === 'undo') throw new Undo(value);
    if (this.transactions.touched === false) call.unused();
    // The claim says "done, nothing to reply" already, so most events need no further statement.
    if (outcome !== undefined) await this.store.record(this.transactions.sql(), call.id, outcome);
    return { state: 'ran', value, recorded: recordedAs(outcome) };
  }
}

const leavesOpen = (error: unknown): boolean =>
  isTransactionError(error, 'TRANSACTION_OUTCOME_UNKNOWN');

/** The signal never fires, but what listens to it must go with its call: one for all would collect listeners for ever. */
function unlosable(id: string, fence: number): ClaimInfo {
  let signal: AbortSignal | undefined;
  return {
    id,
    fence,
    get signal() {
      return (signal ??= new AbortController().signal);
    },
  };
}
