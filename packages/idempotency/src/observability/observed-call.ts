import { errorCodeOf, type SpanLike } from '@acme/nest-message-context/observability';
import { UNKEPT, type ClaimInfo, type Conclusion, type GuardedCall } from '../core/attempt.js';
import type { Execution } from '../core/engine.js';
import type { CallKind, IdempotencyMode } from '../idempotency.options.js';
import type { IdempotencyOutcome } from './event.js';
import { isFailure } from './is-failure.js';
import type { Observability } from './observability.js';
import { outcomeOfError, outcomeOfReplay } from './outcome-of-error.js';

/** By what a call is protected. */
export interface ObservedTarget {
  readonly mode: IdempotencyMode | undefined;
  readonly store: string;
  /** As who has delivered the message counts. */
  readonly attempt: number;
}

/** What has become of a call whose function was run, or that was found done. */
type Stage =
  | 'ran'
  | Extract<
      IdempotencyOutcome,
      'unkeyed' | 'unprotected' | 'unrecorded' | 'error_kept' | 'unkept' | 'undone' | 'replayed'
    >;

/** Watches one call, and tells how it ended. */
export class ObservedCall {
  readonly #since = performance.now();
  #target: ObservedTarget | undefined;
  #id: string | undefined;
  #attempt: number | undefined;
  #span: SpanLike | undefined;
  #stage: Stage | 'nested' | undefined;
  #waited = false;
  /** A lease that is lost later is nobody's concern: a renewal that was under way finds the record settled. */
  #running = false;

  constructor(
    private readonly observability: Observability,
    private readonly kind: CallKind,
    private readonly name: string,
  ) {}

  /** It runs without a key. */
  unkeyed(): void {
    this.#stage = 'unkeyed';
  }

  /** It is part of the call that is under way under its key, which tells for both. */
  nested(): void {
    this.#stage = 'nested';
  }

  /** Asks with the call as it is watched, in a span of its own. */
  async asking(
    call: GuardedCall,
    target: ObservedTarget,
    ask: (watched: GuardedCall) => Promise<Execution>,
  ): Promise<Execution> {
    this.#target = target;
    this.#id = call.id;
    this.#attempt = target.attempt;
    const { telemetry } = this.observability;
    const watched = this.watched(call);
    this.#span = telemetry?.span(this.start);
    telemetry?.active(this.start, 1);
    return this.noting(await this.within(() => ask(watched)));
  }

  /** It runs although its store could not be asked. */
  unprotected<R>(run: () => Promise<R>): Promise<R> {
    this.#stage = 'unprotected';
    return this.within(run);
  }

  /** It has ended well. To be called once, this or `fail`. */
  end(): void {
    this.tell(undefined);
  }

  /** Its caller gets this error. */
  fail(error: unknown): void {
    // Whatever it is that was thrown.
    this.tell(error ?? new Error());
  }

  private tell(error: unknown): void {
    if (this.#stage === 'nested') return;
    const { observability, name, kind } = this;
    const type = this.outcome(error);
    const event = {
      type,
      at: new Date(),
      name,
      id: this.#id,
      kind,
      mode: this.#target?.mode,
      store: this.#target?.store,
      durationMs: performance.now() - this.#since,
      attempt: this.#attempt,
      waited: this.#waited,
      errorCode: error === undefined ? undefined : errorCodeOf(error),
    };
    if (this.#target) observability.telemetry?.active(this.start, -1);
    if (this.#span)
      observability.telemetry?.end(this.#span, { ...event, failed: isFailure(type, error) });
    observability.tell(event);
  }

  private get start() {
    const { name, kind } = this;
    return { name, kind, id: this.#id, mode: this.#target?.mode, store: this.#target?.store };
  }

  private within<R>(work: () => Promise<R>): Promise<R> {
    const { telemetry } = this.observability;
    return telemetry && this.#span ? telemetry.within(this.#span, work) : work();
  }

  private noting(execution: Execution): Execution {
    if (execution.replayed) this.#stage = 'replayed';
    return execution;
  }

  private watched(call: GuardedCall): GuardedCall {
    return {
      ...call,
      run: (claim) => this.ran(call, claim),
      conclude: (value) => this.concluded(() => call.conclude(value)),
      concludeError: (error) => {
        const outcome = call.concludeError(error);
        if (outcome !== undefined) this.#stage = 'error_kept';
        return outcome;
      },
      unrecorded: (cause) => {
        this.#stage = 'unrecorded';
        call.unrecorded(cause);
      },
      errorNotKept: () => (this.#stage = 'ran'),
      waits: () => (this.#waited = true),
      lost: () => this.lost(call.id),
    };
  }

  private async ran(call: GuardedCall, claim: ClaimInfo): Promise<unknown> {
    this.#stage = 'ran';
    this.#attempt = Math.max(claim.attempt, this.#target!.attempt);
    this.#running = true;
    try {
      return await call.run(claim);
    } finally {
      this.#running = false;
    }
  }

  private concluded(conclude: () => Conclusion): Conclusion {
    try {
      const conclusion = conclude();
      if (conclusion.verdict === 'undo') this.#stage = 'undone';
      else if (conclusion.outcome === UNKEPT) this.#stage = 'unkept';
      return conclusion;
    } catch (error) {
      // The transaction undoes the call; under a lease it is done, and there is nothing to reply.
      if (this.#target!.mode === 'lease') this.#stage = 'unkept';
      throw error;
    }
  }

  private lost(id: string): void {
    if (!this.#running) return;
    this.#running = false;
    const { observability, name, kind } = this;
    this.#span?.addEvent('acme.idempotency.lease_lost');
    observability.tell({
      type: 'lease_lost',
      at: new Date(),
      name,
      id,
      kind,
      mode: 'lease',
      store: this.#target!.store,
      durationMs: performance.now() - this.#since,
      attempt: this.#attempt!,
    });
  }

  private outcome(error: unknown): IdempotencyOutcome {
    const stage = this.#stage as Stage | undefined;
    if (stage === undefined) return outcomeOfError(error);
    if (stage === 'ran') return error === undefined ? 'executed' : 'failed';
    // What is kept may be no reply, or none that can be read.
    if (stage === 'replayed' && error !== undefined) return outcomeOfReplay(error);
    // Decided to be kept, and then undone with the transaction.
    const undone = stage === 'unkept' && error !== undefined && this.#target!.mode !== 'lease';
    return undone ? 'failed' : stage;
  }
}
