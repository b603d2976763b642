import { Inject, Injectable } from '@nestjs/common';
import { MessageContext } from '@acme/nest-message-context';
import { fingerprintOf } from './core/fingerprint.js';
import { recordIdOf } from './core/identity.js';
import { parseValueKey } from './core/key.js';
import { show } from './core/show.js';
import type { StoredRecord } from './core/store.js';
import { RunningClaim } from './idempotency-info.js';
import {
  IdempotencyConfigurationError,
  IdempotencyKeyInvalidError,
  IdempotencyKeyRequiredError,
} from './idempotency.errors.js';
import type {
  IdempotencyDefaults,
  IdempotencyMode,
  IdempotentOptions,
} from './idempotency.options.js';
import type { ObservedCall } from './observability/observed-call.js';
import { problemsOfCall, problemsOfDefaults } from './options/call-options.js';
import { OPEN_IN_TRANSACTION } from './stage/boot-check.js';
import { BatchCall, type BatchOutcome, type RunBatchOptions } from './stage/batch-call.js';
import { waitMsOf } from './stage/call-settings.js';
import { conclude, concludeError, storedReply } from './stage/concluding.js';
import { Protection, type ModeOptions } from './stage/protection.js';
import { refusalOf } from './stage/result.js';
import { errorOf } from './stage/stored-error.js';
import type { StoreGuard } from './stage/store-guard.js';

/** What a key may be: any text of 1 to 255 characters, or a whole number. */
export type IdempotencyKey = string | number | bigint;

/** To what a key belongs. The same key under another name, or of somebody else, is another one. */
export interface KeyOwner {
  /** What is done: the `name` that it is run under, for a handler `Class.method` unless it has one of its own. */
  readonly name: string;
  /** Whose call it is, where keys are chosen by callers. */
  readonly principal?: string | undefined;
  /** Which of the module's `stores` keeps it. */
  readonly store?: string | undefined;
}

/** Options of `IdempotencyService.run()`. */
export interface RunIdempotentOptions
  extends
    Omit<IdempotencyDefaults, 'principal' | 'maxAttempts'>,
    Pick<IdempotentOptions, 'mode' | 'effect' | 'isolation' | 'serialize'>,
    KeyOwner {
  /** What must be the same when the key comes again; left out, nothing is compared. */
  readonly fingerprint?: unknown;
}

/** The same protection as `@Idempotent()`, for a piece of code: jobs, items of a batch, parts of a handler. */
@Injectable()
export class IdempotencyService {
  constructor(@Inject(Protection) private readonly protection: Protection) {}

  /**
   * Runs `fn` unless it ran before under this key and name, and resolves with its result or a stored copy of it. While
   * another call runs it, this one waits (`waitTimeout`).
   *
   * @throws {IdempotencyKeyRequiredError} or {IdempotencyKeyInvalidError} when the key is none
   * @throws {IdempotencyKeyInUseError} when the other call did not end in time
   * @throws {IdempotencyKeyReusedError} when the fingerprint differs from the first call's
   * @throws {IdempotencyReplyNotKeptError} when `fn` ran before and its result could not be kept; it was not run again
   * @throws {IdempotencyStoreUnavailableError} when the store cannot be asked; `fn` was not run
   * @throws what `fn` throws; with `storeIf`, an error that answers as the first one did
   */
  async run<R>(
    key: IdempotencyKey,
    fn: () => Promise<R>,
    options: RunIdempotentOptions,
  ): Promise<R> {
    const given = named(options);
    const observed = this.protection.observability.begin('method', given.name);
    try {
      const value = await this.protect(key, fn, given, observed);
      observed?.end();
      return value;
    } catch (error) {
      observed?.fail(error);
      this.protection.report(error, given.name);
      throw error;
    }
  }

  /**
   * Runs `fn` once for all items that were not done before, with one claim for all of them: for handlers of batches. Resolves
   * with what came of each item, in their order; of several items with one key the first counts. `fn` gives a result for
   * each item that it is given, or nothing. It is not called when there is none left, and its error undoes the whole
   * batch (transaction mode) or gives all its keys back (lease mode). Nobody is waited for: an item that runs elsewhere is `running`.
   * In transaction mode each new key takes a lock of the database until the commit: keep batches to some hundred items.
   *
   * @throws as `run()` does, and what `fn` throws
   */
  async runBatch<T, R = void>(
    items: readonly T[],
    keyOf: (item: T) => IdempotencyKey,
    fn: (items: T[], signal: AbortSignal) => Promise<readonly R[] | void>,
    options: RunBatchOptions<T>,
  ): Promise<BatchOutcome<T, R>[]> {
    const given = named(options);
    const observed = this.protection.observability.beginBatch(given.name);
    return this.reporting(given.name, observed, async () => {
      const { fingerprint: _, serialize, principal: __, name, ...rest } = given;
      this.refuse(name, rest, serialize);
      const idOf = (item: T): string => this.idOf(keyOf(item), given);
      return new BatchCall<T, R>(this.protection, given, idOf, observed).run(items, fn);
    });
  }

  /** The record of a key; undefined when there is none. What an open transaction has claimed is not seen. */
  async inspect(key: IdempotencyKey, owner: KeyOwner): Promise<StoredRecord | undefined> {
    const given = named(owner);
    return this.guardOf(given).store.get(this.idOf(key, given));
  }

  /**
   * Forgets what was done under this key, so that the next call runs: for operators who have undone the effect by hand. Says
   * whether there was anything; a claim that is under way is left alone (`release`).
   */
  async forget(key: IdempotencyKey, owner: KeyOwner): Promise<boolean> {
    const given = named(owner);
    const { store } = this.guardOf(given);
    const id = this.idOf(key, given);
    return (await store.remove(id, 'done')) || store.remove(id, 'free');
  }

  /**
   * Takes a leased key from whoever runs it, so that the next call runs at once: for operators who know that the process is
   * dead and do not want to wait for `lockTtl`. If it lives, its signal is aborted with its next renewal, and the effect may
   * happen twice. Says whether there was a lease. In transaction mode there is none: a lock ends with its connection.
   */
  async release(key: IdempotencyKey, owner: KeyOwner): Promise<boolean> {
    const given = named(owner);
    return this.guardOf(given).store.remove(this.idOf(key, given), 'running');
  }

  /**
   * Removes expired records of one store, at most `limit` of them, and resolves with how many it were; never a live claim.
   * 0 where the store does so itself, and where another process is at it. The module does this by itself (`purge`).
   */
  async purge({ limit = 1_000, store }: PurgeRequest = {}): Promise<number> {
    const { store: purged } = this.guardOf({ store });
    return this.protection.observability.purging(purged.label, () => purged.purge(limit));
  }

  private async protect<R>(
    key: IdempotencyKey,
    fn: () => Promise<R>,
    options: RunIdempotentOptions,
    observed: ObservedCall | undefined,
  ): Promise<R> {
    const { name, principal: _, fingerprint, serialize, ...rest } = options;
    const own = isEmpty(rest) ? NOTHING : rest;
    this.refuse(name, own, serialize);
    const text = checked(key);
    const id = this.idOf(text, options);
    if (RunningClaim.current()?.holds(id)) {
      observed?.nested();
      return fn();
    }
    const { protection } = this;
    const settings = protection.settingsOf(own, 'method');
    const { storeIf, maxReplySize } = settings;
    const deadline = MessageContext.current()?.message.deadline;
    const execution = await protection.execute({
      id,
      key: text,
      name,
      fingerprint: fingerprint === undefined ? undefined : fingerprintOf(fingerprint),
      settings,
      waitMs: waitMsOf(settings, deadline, Date.now()),
      options: own,
      attempts: undefined,
      attempt: 1,
      redelivers: false,
      observed,
      run: fn,
      conclude: (value) =>
        refusalOf(value, undefined) ??
        conclude(value, { id, name, serialize, reply: undefined, maxReplySize }, protection),
      concludeError: (error) =>
        concludeError(error, { id, name, storeIf, maxReplySize }, protection),
    });
    if (!execution.replayed) return execution.value as R;
    const { body, error } = storedReply(execution.outcome, { name, id }, protection);
    if (error) throw errorOf(error);
    return body as R;
  }

  /** @throws {IdempotencyConfigurationError} that lists everything that is wrong */
  private refuse(
    name: unknown,
    options: IdempotencyDefaults & IdempotentOptions,
    serialize: unknown,
  ): void {
    const problems = this.protection.problemsOfMode(options);
    if (options !== NOTHING || serialize !== undefined)
      problems.push(...problemsOfRun(options, serialize, this.protection.modeOf(options)));
    if (!isName(name)) problems.push(NAME_MISSING);
    if (problems.length > 0) throw new IdempotencyConfigurationError(problems);
  }

  private idOf(key: IdempotencyKey, { name, principal }: KeyOwner): string {
    if (!isName(name)) throw new IdempotencyConfigurationError([NAME_MISSING]);
    if (principal !== undefined && typeof principal !== 'string')
      throw new IdempotencyConfigurationError([
        `principal: ${show(principal)} is no text. Say whose call it is, or leave it out.`,
      ]);
    const { namespace } = this.protection.options;
    return recordIdOf({ namespace, principal, name, key: checked(key) });
  }

  private guardOf(options: ModeOptions): StoreGuard {
    const guard = this.protection.guardOf(options);
    if (guard) return guard;
    throw new IdempotencyConfigurationError(this.protection.problemsOfMode(options));
  }

  private async reporting<R>(
    name: string,
    observed: { end(value: NoInfer<R>): void; fail(error: unknown): void } | undefined,
    work: () => Promise<R>,
  ): Promise<R> {
    try {
      const value = await work();
      observed?.end(value);
      return value;
    } catch (error) {
      observed?.fail(error);
      this.protection.report(error, name);
      throw error;
    }
  }
}

/** What `IdempotencyService.purge()` removes. */
export interface PurgeRequest {
  /** @default 1000 */
  readonly limit?: number | undefined;
  /** Which of the module's `stores`. */
  readonly store?: string | undefined;
}

function checked(key: unknown): string {
  const parsed = parseValueKey(key);
  if ('key' in parsed) return parsed.key;
  if ('invalid' in parsed) throw new IdempotencyKeyInvalidError(parsed.invalid);
  throw new IdempotencyKeyRequiredError('the key that IdempotencyService is called with');
}

const NAME_MISSING = 'name: missing. Say what is run, in a word that will not change: { name }.';

const isName = (name: unknown): boolean => typeof name === 'string' && name !== '';

/** Code without types may leave the options out. */
const named = <O extends KeyOwner>(options: O | undefined): O => options ?? ({ name: '' } as O);

/** Options come with every call, and most of them are none: those are the same object, so that nothing is looked at twice. */
const NOTHING: IdempotencyDefaults & IdempotentOptions = {};

function isEmpty(options: object): boolean {
  for (const _ in options) return false;
  return true;
}

/** What is wrong with what comes with a call, besides its name. */
function problemsOfRun(
  options: IdempotencyDefaults & IdempotentOptions,
  serialize: unknown,
  mode: IdempotencyMode | undefined,
): string[] {
  const problems = [
    ...problemsOfDefaults(options),
    ...problemsOfCall({ ...options, serialize } as IdempotentOptions),
  ];
  if (options.onStoreError === 'open' && mode === 'transaction') problems.push(OPEN_IN_TRANSACTION);
  if (options.maxAttempts !== undefined)
    problems.push(
      'maxAttempts: only messages are delivered again. Take it off; whoever calls this decides how often.',
    );
  if (options.keyFrom !== undefined || options.required !== undefined)
    problems.push('keyFrom, required: the key is the first argument here. Take them off.');
  return problems;
}
