import { IdempotencyKeyInUseError, IdempotencyKeyReusedError } from '../idempotency.errors.js';
import type { Attempt, GuardedCall, Runner } from './attempt.js';
import { Patience } from './patience.js';
import type { Runtime } from './runtime.js';
import type { IdempotencyStore } from './store.js';
import { Watch } from './watch.js';

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

/** The call of this process that asks the store, or runs, on behalf of all that have its key. */
class Leader {
  /** What the key is used for, once the store has answered and as far as that tells. */
  fingerprint: string | undefined;
  /** The store has answered, or never will. Before, nobody knows whether anything is under way. */
  readonly answered: Promise<void>;
  /** The outcome, where it stands for everybody; undefined: ask the store. */
  readonly ended: Promise<Known | undefined>;
  #answer!: () => void;
  #end!: (known: Known | undefined) => void;

  constructor() {
    this.answered = new Promise((done) => (this.#answer = done));
    this.ended = new Promise((done) => (this.#end = done));
  }

  answer(fingerprint: string | undefined): void {
    this.fingerprint = fingerprint;
    this.#answer();
  }

  end(known: Known | undefined): void {
    this.#answer();
    this.#end(known);
  }
}

interface Known {
  readonly outcome: string | undefined;
}

/**
 * One effect per key. Duplicates in this process wait for a promise, so that only one of them asks the store, however many
 * there are. Those that run elsewhere are waited for by a notice from the store where it sends one, and by looking again.
 */
export class Engine {
  readonly #leaders = new Map<string, Leader>();

  constructor(
    private readonly runtime: Runtime,
    private readonly store: IdempotencyStore,
  ) {}

  /**
   * @throws {IdempotencyKeyReusedError} when the key was used for something else; tells so even while that runs
   * @throws {IdempotencyKeyInUseError} when the other call did not end in time
   * @throws {IdempotencyStoreUnavailableError} when nothing is known; the function was not run
   */
  async execute(call: GuardedCall, conflict: Conflict, runner: Runner): Promise<Execution> {
    const patience = new Patience(conflict.waitMs, this.runtime);
    for (let looks = 0; ; looks += 1) {
      const leader = this.#leaders.get(call.id);
      if (!leader) return this.lead(call, conflict, runner, patience);
      // Once, and however short its patience: it would have to ask the store itself. With every further leader of a store
      // that hangs, the last of many duplicates would wait for all of them.
      if (looks === 0) await leader.answered;
      refuseReuse(call, leader.fingerprint);
      const known = await patience.await(leader.ended);
      if (known === 'late') throw new IdempotencyKeyInUseError(conflict.retryAfterMs);
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
    const leader = new Leader();
    const leave = (known?: Known): void => {
      if (this.#leaders.get(call.id) === leader) this.#leaders.delete(call.id);
      leader.end(known);
    };
    this.#leaders.set(call.id, leader);
    const led: GuardedCall = {
      ...call,
      run: (claim) => {
        leader.answer(call.fingerprint);
        return call.run(claim);
      },
      // A handler that hangs must not keep the key from this process, when it no longer keeps it from others.
      lost: () => leave(),
    };
    let known: Known | undefined;
    try {
      const attempt = await this.attempt(led, leader, conflict, runner, patience);
      known = attempt.recorded;
      return attempt.state === 'done'
        ? { replayed: true, outcome: attempt.outcome }
        : { replayed: false, value: attempt.value };
    } finally {
      leave(known);
    }
  }

  private async attempt(
    call: GuardedCall,
    leader: Leader,
    conflict: Conflict,
    runner: Runner,
    patience: Patience,
  ): Promise<Exclude<Attempt, { state: 'running' }>> {
    let watch: Watch | undefined;
    try {
      for (let looks = 0; ; looks += 1) {
        watch?.clear();
        const attempt = await runner.attempt(call);
        if (attempt.state === 'ran') return attempt;
        refuseReuse(call, attempt.fingerprint);
        if (attempt.state === 'done') return attempt;
        leader.answer(attempt.fingerprint);
        if (looks === 0 && this.store.subscribe && patience.isLeft) {
          watch = await this.watch(call.id, patience);
          // It may have ended before anybody listened.
          if (watch) continue;
        }
        if (!(await patience.pause(watch?.heard)))
          throw new IdempotencyKeyInUseError(conflict.retryAfterMs);
      }
    } finally {
      watch?.stop();
    }
  }

  private async watch(id: string, patience: Patience): Promise<Watch | undefined> {
    const opening = Watch.on(this.store, id);
    const watch = await patience.await(opening);
    if (watch !== 'late') return watch;
    void opening.then((late) => late?.stop());
    return undefined;
  }
}

/** Only two known fingerprints can differ: whether they are taken is configuration and may change between deployments. */
function refuseReuse({ fingerprint }: GuardedCall, other: string | undefined): void {
  if (fingerprint !== undefined && other !== undefined && fingerprint !== other)
    throw new IdempotencyKeyReusedError();
}
