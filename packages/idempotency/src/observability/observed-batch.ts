import { errorCodeOf, type SpanLike } from '@acme/nest-message-context/observability';
import { UNKEPT } from '../core/attempt.js';
import type { GuardedBatch } from '../core/batch.js';
import type { IdempotencyMode } from '../idempotency.options.js';
import type { BatchOutcome } from '../stage/batch-call.js';
import type { IdempotencyOutcome } from './event.js';
import { isFailure } from './is-failure.js';
import type { Observability } from './observability.js';
import { outcomeOfError } from './outcome-of-error.js';

/** How a claimed item stands, once its result is there. */
type Concluded = Extract<IdempotencyOutcome, 'executed' | 'unkept' | 'unrecorded'>;

const OUTCOMES: Readonly<
  Record<Exclude<BatchOutcome<unknown, unknown>['state'], 'ran'>, IdempotencyOutcome>
> = { replayed: 'replayed', unkept: 'refused', running: 'in_use', reused: 'reused' };

/** Watches one call of `runBatch()`, and tells how each of its items ended. */
export class ObservedBatch {
  readonly #since = performance.now();
  readonly #concluded = new Map<string, Concluded>();
  #ids: readonly string[] = [];
  #claimed: readonly string[] | undefined;
  #target: { readonly mode: IdempotencyMode | undefined; readonly store: string } | undefined;
  #span: SpanLike | undefined;
  #running = false;
  readonly #lost = new Set<string>();

  constructor(
    private readonly observability: Observability,
    private readonly name: string,
  ) {}

  /** Asks with the batch as it is watched, in a span of its own. `ids`: those of all items, in their order. */
  asking<R>(
    batch: GuardedBatch,
    target: { readonly mode: IdempotencyMode | undefined; readonly store: string },
    ids: readonly string[],
    ask: (watched: GuardedBatch) => Promise<R>,
  ): Promise<R> {
    this.#target = target;
    this.#ids = ids;
    const { name } = this;
    const { telemetry } = this.observability;
    const watched = this.watched(batch);
    const span = telemetry?.span({ name, kind: 'method', id: undefined, ...target });
    if (!telemetry || !span) return ask(watched);
    this.#span = span;
    span.setAttributes({ 'acme.idempotency.batch_size': ids.length });
    return telemetry.within(span, () => ask(watched));
  }

  /** What came of the items, in their order. */
  end(outcomes: readonly BatchOutcome<unknown, unknown>[]): void {
    if (this.#span) this.observability.telemetry?.end(this.#span, {});
    for (const [at, { state }] of outcomes.entries()) {
      const id = this.#ids[at]!;
      const type = state === 'ran' ? (this.#concluded.get(id) ?? 'executed') : OUTCOMES[state];
      this.tell(id, type, state === 'unkept' ? 'IDEMPOTENCY_REPLY_NOT_KEPT' : undefined);
    }
  }

  /** The error that the caller got for all of them. Of what was not given to the function, nothing has come then. */
  fail(error: unknown): void {
    const code = errorCodeOf(error);
    const ended = { errorCode: code, failed: isFailure('failed', error) };
    if (this.#span) this.observability.telemetry?.end(this.#span, ended);
    if (this.#claimed === undefined) {
      const ids = this.#ids.length > 0 ? this.#ids : [undefined];
      for (const id of ids) this.tell(id, outcomeOfError(error), code);
      return;
    }
    for (const id of this.#claimed) {
      // A transaction takes all of them back.
      const stands = this.#target!.mode === 'lease' ? this.#concluded.get(id) : undefined;
      this.tell(id, stands ?? 'failed', stands === 'executed' ? undefined : code);
    }
  }

  private watched(batch: GuardedBatch): GuardedBatch {
    const idOf = (at: number): string => batch.requests[at]!.id;
    return {
      ...batch,
      run: async (claimed, signal) => {
        this.#claimed = claimed.map(idOf);
        this.#running = true;
        try {
          return await batch.run(claimed, signal);
        } finally {
          this.#running = false;
        }
      },
      conclude: (at, value) => {
        // Under a lease, one whose result is refused is done.
        this.#concluded.set(idOf(at), 'unkept');
        const conclusion = batch.conclude(at, value);
        if (conclusion.outcome !== UNKEPT) this.#concluded.set(idOf(at), 'executed');
        return conclusion;
      },
      unrecorded: (at, cause) => {
        this.#concluded.set(idOf(at), 'unrecorded');
        batch.unrecorded(at, cause);
      },
      lost: (id) => this.lost(id),
    };
  }

  private lost(id: string): void {
    if (!this.#running || this.#lost.has(id)) return;
    this.#lost.add(id);
    this.#span?.addEvent('acme.idempotency.lease_lost');
    const { store } = this.#target!;
    const event = { ...this.common, id, mode: 'lease' as const, store, attempt: 1 };
    this.observability.tell({ type: 'lease_lost', ...event });
  }

  private tell(
    id: string | undefined,
    type: IdempotencyOutcome,
    errorCode: string | undefined,
  ): void {
    const { mode, store } = this.#target ?? { mode: undefined, store: undefined };
    const attempt = id === undefined ? undefined : 1;
    const event = { ...this.common, id, mode, store, attempt, waited: false, errorCode };
    this.observability.tell({ type, ...event });
  }

  private get common() {
    const durationMs = performance.now() - this.#since;
    return { at: new Date(), name: this.name, kind: 'method' as const, durationMs };
  }
}
