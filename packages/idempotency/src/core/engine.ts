import { IdempotencyKeyInUseError, IdempotencyKeyReusedError } from '../idempotency.errors.js';
import type { Attempt, GuardedCall, Runner } from './attempt.js';
import { Patience } from './patience.js';
import type { Runtime } from './runtime.js';

/** What a call does while another one holds its key. */
export interface Conflict {
  /** Milliseconds it waits for the other one's outcome; 0 refuses at once. */
  readonly waitMs: number;
  /** The hint that a refused caller gets. */
  readonly retryAfterMs: number;
}

/** What came of a guarded call. */
export type Execution =
  | { readonly replayed: false; readonly value: unknown }
  | { readonly replayed: true; readonly outcome: string | undefined };

interface Running {
  readonly fingerprint: string | undefined;
  /** The outcome, where this process knows it; never rejects. */
  readonly end: Promise<{ readonly outcome: string | undefined } | undefined>;
}

/**
 * One effect per key. Duplicates in this process wait for a promise, so that only one of them asks the store, however many
 * there are; duplicates elsewhere are waited for by looking again.
 */
export class Engine {
  readonly #running = new Map<string, Running>();

  constructor(private readonly runtime: Runtime) {}

  /**
   * @throws {IdempotencyKeyReusedError} when the key was used for something else; tells so even while that runs
   * @throws {IdempotencyKeyInUseError} when the other call did not end in time
   * @throws {IdempotencyStoreUnavailableError} when nothing is known; the function was not run
   */
  async execute(call: GuardedCall, conflict: Conflict, runner: Runner): Promise<Execution> {
    const patience = new Patience(conflict.waitMs, this.runtime);
    for (;;) {
      const other = this.#running.get(call.id);
      if (!other) return this.lead(call, conflict, runner, patience);
      refuseReuse(call, other.fingerprint);
      if (!(await patience.await(other.end)))
        throw new IdempotencyKeyInUseError(conflict.retryAfterMs);
      const known = await other.end;
      if (known) return { replayed: true, outcome: known.outcome };
    }
  }

  /** Asks the store, on behalf of all calls of this process that have this key. */
  private async lead(
    call: GuardedCall,
    conflict: Conflict,
    runner: Runner,
    patience: Patience,
  ): Promise<Execution> {
    let announce!: (outcome: { readonly outcome: string | undefined } | undefined) => void;
    const end: Running['end'] = new Promise((done) => (announce = done));
    let known: { readonly outcome: string | undefined } | undefined;
    this.#running.set(call.id, { fingerprint: call.fingerprint, end });
    try {
      const attempt = await this.attempt(call, conflict, runner, patience);
      if (attempt.state === 'done') {
        known = { outcome: attempt.outcome };
        return { replayed: true, outcome: attempt.outcome };
      }
      known = attempt.recorded;
      return { replayed: false, value: attempt.value };
    } finally {
      this.#running.delete(call.id);
      announce(known);
    }
  }

  private async attempt(
    call: GuardedCall,
    conflict: Conflict,
    runner: Runner,
    patience: Patience,
  ): Promise<Exclude<Attempt, { state: 'running' }>> {
    for (;;) {
      const attempt = await runner.attempt(call);
      if (attempt.state === 'ran') return attempt;
      refuseReuse(call, attempt.fingerprint);
      if (attempt.state === 'done') return attempt;
      if (!(await patience.pause())) throw new IdempotencyKeyInUseError(conflict.retryAfterMs);
    }
  }
}

/** Only two known fingerprints can differ: whether they are taken is configuration and may change between deployments. */
function refuseReuse({ fingerprint }: GuardedCall, other: string | undefined): void {
  if (fingerprint !== undefined && other !== undefined && fingerprint !== other)
    throw new IdempotencyKeyReusedError();
}
