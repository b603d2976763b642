import { IdempotencyKeyInUseError, IdempotencyKeyReusedError } from '../idempotency.errors.js';
import type { Attempt, GuardedCall, Observer, Runner } from './attempt.js';
import { Leader, type Known } from './leader.js';
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

type Ended = Exclude<Attempt, { state: 'running' }>;

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
  execute(call: GuardedCall, conflict: Conflict, runner: Runner): Promise<Execution> {
    const patience = new Patience(conflict.waitMs, this.runtime);
    // Not async, as every promise of the way that nearly all calls take can be measured.
    return this.#leaders.has(call.id)
      ? this.follow(call, conflict, runner, patience)
      : this.lead(call, conflict, runner, patience);
  }

  /** Waits for the call of this process that asks the store. */
  private async follow(
    call: GuardedCall,
    conflict: Conflict,
    runner: Runner,
    patience: Patience,
  ): Promise<Execution> {
    for (let looks = 0; ; looks += 1) {
      const leader = this.#leaders.get(call.id);
      if (!leader) return this.lead(call, conflict, runner, patience);
      // Once, and however short its patience: it would have to ask the store itself. With every further leader of a store
      // that hangs, the last of many duplicates would wait for all of them.
      if (looks === 0) await leader.answered;
      refuseReuse(call, leader.fingerprint);
      if (patience.isLeft) call.waits?.();
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
    this.#leaders.set(call.id, leader);
    const observer: Observer = {
      started: () => leader.answer(call.fingerprint),
      // A handler that hangs must not keep the key from this process, when it no longer keeps it from others.
      lost: () => {
        this.leave(call.id, leader, undefined);
        call.lost?.();
      },
    };
    let known: Known | undefined;
    try {
      let attempt = await runner.attempt(call, observer);
      if (attempt.state === 'running')
        attempt = await this.outwait(attempt, {
          call,
          leader,
          conflict,
          runner,
          patience,
          observer,
        });
      else if (attempt.state === 'done') refuseReuse(call, attempt.fingerprint);
      known = attempt.recorded;
      return attempt.state === 'done'
        ? { replayed: true, outcome: attempt.outcome }
        : { replayed: false, value: attempt.value };
    } finally {
      this.leave(call.id, leader, known);
    }
  }

  private leave(id: string, leader: Leader, known: Known | undefined): void {
    if (this.#leaders.get(id) === leader) this.#leaders.delete(id);
    leader.end(known);
  }

  /** Looks again until the other one has ended, or patience has. */
  private async outwait(first: Attempt, waiting: Waiting): Promise<Ended> {
    const { call, leader, conflict, runner, patience, observer } = waiting;
    let watch: Watch | undefined;
    try {
      let attempt = first;
      for (let looks = 0; ; looks += 1) {
        if (attempt.state === 'ran') return attempt;
        refuseReuse(call, attempt.fingerprint);
        if (attempt.state === 'done') return attempt;
        call.isTaken?.();
        leader.answer(attempt.fingerprint);
        if (patience.isLeft) call.waits?.();
        if (looks === 0 && this.store.subscribe && patience.isLeft)
          watch = await this.watch(call.id, patience);
        // With the first watch it looks again at once: the other one may have ended before anybody listened.
        if (!(looks === 0 && watch) && !(await patience.pause(watch?.heard)))
          throw new IdempotencyKeyInUseError(conflict.retryAfterMs);
        watch?.clear();
        attempt = await runner.attempt(call, observer);
      }
    } finally {
      watch?.stop();
    }
  }

  private async watch(id: string, patience: Patience): Promise<Watch | undefined> {
    const opening = Watch.on(this.store, id, this.runtime);
    const watch = await patience.await(opening);
    if (watch !== 'late') return watch;
    void opening.then((late) => late?.stop());
    return undefined;
  }
}

interface Waiting {
  readonly call: GuardedCall;
  readonly leader: Leader;
  readonly conflict: Conflict;
  readonly runner: Runner;
  readonly patience: Patience;
  readonly observer: Observer;
}

/** Only two known fingerprints can differ: whether they are taken is configuration and may change between deployments. */
function refuseReuse({ fingerprint }: GuardedCall, other: string | undefined): void {
  if (fingerprint !== undefined && other !== undefined && fingerprint !== other)
    throw new IdempotencyKeyReusedError();
}
