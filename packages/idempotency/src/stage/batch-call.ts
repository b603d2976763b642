import type { BatchAttempt, GuardedBatch } from '../core/batch.js';
import { fingerprintOf } from '../core/fingerprint.js';
import type { ClaimRequest } from '../core/store.js';
import { isIdempotencyError } from '../idempotency.errors.js';
import type { IdempotencyDefaults, IdempotentOptions } from '../idempotency.options.js';
import { settingsOf } from './call-settings.js';
import { conclude, storedReply } from './concluding.js';
import type { ObservedBatch } from '../observability/observed-batch.js';
import type { Protection } from './protection.js';

/** Options of `IdempotencyService.runBatch()`. */
export interface RunBatchOptions<T>
  extends
    Pick<IdempotencyDefaults, 'ttl' | 'lockTtl' | 'maxLockHold' | 'maxReplySize'>,
    Pick<IdempotentOptions, 'mode' | 'store' | 'effect' | 'isolation' | 'serialize'> {
  /** What is done with an item, stable for ever: a key belongs to a name. */
  readonly name: string;
  /** Whose items they are, where keys are chosen by callers. */
  readonly principal?: string | undefined;
  /** What of an item must be the same when its key comes again; left out, nothing is compared. */
  readonly fingerprint?: ((item: T) => unknown) | undefined;
}

/** What came of one item of a batch. */
export type BatchOutcome<T, R> =
  /** It was new, and given to the function. */
  | { readonly item: T; readonly state: 'ran'; readonly value: R }
  /** It was done before, or stands in the same batch with the same key; `value` is a stored copy of the result. */
  | { readonly item: T; readonly state: 'replayed'; readonly value: R }
  /** It was done before, and its result could not be kept. */
  | { readonly item: T; readonly state: 'unkept' }
  /** Another call has it under way: nobody knows yet. Give its message back. */
  | { readonly item: T; readonly state: 'running' }
  /** Its key was used before, for another item: the sender has a bug. Park its message. */
  | { readonly item: T; readonly state: 'reused' };

/** One call of `runBatch`. */
export class BatchCall<T, R> {
  constructor(
    private readonly protection: Protection,
    private readonly options: RunBatchOptions<T>,
    private readonly idOf: (item: T) => string,
    private readonly observed: ObservedBatch | undefined,
  ) {}

  async run(
    items: readonly T[],
    fn: (items: T[], signal: AbortSignal) => Promise<readonly R[] | void>,
  ): Promise<BatchOutcome<T, R>[]> {
    const requests = items.map((item) => this.requestOf(item));
    const firsts = [
      ...new Map(requests.map((one, at) => [one.id, at] as const).reverse()).values(),
    ];
    firsts.sort((a, b) => a - b);
    const batch = this.batchOf(
      firsts.map((at) => requests[at]!),
      (claimed, signal) =>
        this.call(
          claimed.map((one) => items[firsts[one]!]!),
          fn,
          signal,
        ),
    );
    const attempts = firsts.length === 0 ? [] : await this.attempt(batch, requests);
    const found = new Map(
      firsts.map((at, position) => [requests[at]!.id, { at, attempt: attempts[position]! }]),
    );
    return items.map((item, at) => {
      const request = requests[at]!;
      const { at: first, attempt } = found.get(request.id)!;
      return this.outcomeOf(item, request, attempt, first === at, requests[first]!.fingerprint);
    });
  }

  private attempt(batch: GuardedBatch, all: readonly ClaimRequest[]): Promise<BatchAttempt[]> {
    const { protection, options, observed } = this;
    const runner = protection.guardOf(options)!.runnerOf(options)!;
    if (!observed) return runner.attemptMany(batch);
    const ids = all.map(({ id }) => id);
    return observed.asking(batch, protection.targetOf(options), ids, (watched) =>
      runner.attemptMany(watched),
    );
  }

  private requestOf(item: T): ClaimRequest {
    const { name, fingerprint } = this.options;
    return {
      id: this.idOf(item),
      name,
      fingerprint: fingerprint && fingerprintOf(fingerprint(item)),
    };
  }

  private batchOf(requests: readonly ClaimRequest[], run: GuardedBatch['run']): GuardedBatch {
    const { options, protection } = this;
    const { name, serialize, isolation, ttl, lockTtl, maxLockHold, maxReplySize } = options;
    const own = { ttl, lockTtl, maxLockHold, maxReplySize };
    const settings = settingsOf(own, protection.options, 'method');
    const { ttlMs, lockTtlMs, maxLockHoldMs } = settings;
    return {
      name,
      requests,
      ttlMs,
      lockTtlMs,
      maxLockHoldMs,
      isolation,
      run,
      conclude: (at, value) =>
        conclude(
          value,
          { ...settings, id: requests[at]!.id, name, serialize, reply: undefined },
          protection,
        ),
      unused: () => protection.unused(name, options.effect),
      unrecorded: (_, cause) => protection.unrecorded(name, false, cause),
    };
  }

  private async call(
    items: T[],
    fn: (items: T[], signal: AbortSignal) => Promise<readonly R[] | void>,
    signal: AbortSignal,
  ): Promise<readonly unknown[]> {
    const results = await fn(items, signal);
    if (results === undefined) return items.map(() => undefined);
    if (Array.isArray(results) && results.length === items.length) return results;
    throw new TypeError(
      `${this.options.name}: the function of runBatch() was given ${items.length} items and returned ${Array.isArray(results) ? `${results.length} results` : 'no array'}. Return one result for each item, in their order, or nothing.`,
    );
  }

  private outcomeOf(
    item: T,
    { id, fingerprint }: ClaimRequest,
    attempt: BatchAttempt,
    isFirst: boolean,
    fingerprintOfFirst: string | undefined,
  ): BatchOutcome<T, R> {
    const other = attempt.state === 'ran' ? fingerprintOfFirst : attempt.fingerprint;
    if (fingerprint !== undefined && other !== undefined && fingerprint !== other)
      return { item, state: 'reused' };
    if (attempt.state === 'running') return { item, state: 'running' };
    if (attempt.state === 'ran')
      return { item, state: isFirst ? 'ran' : 'replayed', value: attempt.value as R };
    try {
      const { name } = this.options;
      const { body } = storedReply(attempt.outcome, { name, id }, this.protection);
      return { item, state: 'replayed', value: body as R };
    } catch (error) {
      if (!isIdempotencyError(error, 'IDEMPOTENCY_REPLY_NOT_KEPT')) throw error;
      return { item, state: 'unkept' };
    }
  }
}
