import { Logger } from '@nestjs/common';
import { MessageContext, statusOf } from '@acme/nest-message-context';
import type { Transactions } from '@acme/nest-transaction';
import type { AttemptFate, AttemptLimit, Conclusion, GuardedCall } from '../core/attempt.js';
import type { Execution } from '../core/engine.js';
import { textOf } from '../core/text-of.js';
import { RunningClaim, type KeyedCall } from '../idempotency-info.js';
import {
  IdempotencyConfigurationError,
  IdempotencyLeaseLostError,
  type IdempotencyStoreUnavailableError,
  isIdempotencyError,
  TransactionUnusedError,
} from '../idempotency.errors.js';
import type {
  CallKind,
  IdempotencyDefaults,
  IdempotencyMode,
  IdempotentOptions,
} from '../idempotency.options.js';
import { DEFAULT_STORE, type ResolvedModuleOptions } from '../options/module-options.js';
import type { Observability } from '../observability/observability.js';
import type { ObservedCall } from '../observability/observed-call.js';
import { settingsOf, type CallSettings } from './call-settings.js';
import { StoreGuard } from './store-guard.js';

/** Which store and which mode a call asks for. */
export type ModeOptions = Pick<IdempotentOptions, 'mode' | 'store'>;

/** One call to protect. */
export interface ProtectedCall extends KeyedCall {
  readonly id: string;
  readonly name: string;
  readonly fingerprint: string | undefined;
  readonly settings: CallSettings;
  readonly waitMs: number;
  readonly options: Pick<IdempotentOptions, 'mode' | 'store' | 'effect' | 'isolation'>;
  readonly attempts: AttemptLimit | undefined;
  /** Nobody but a redelivery will ask for the outcome: an event. */
  readonly redelivers: boolean;
  /** Who watches it, if anybody does. */
  readonly observed: ObservedCall | undefined;
  run(): Promise<unknown>;
  conclude(value: unknown): Conclusion;
  concludeError(error: unknown): string | undefined;
  fateOf?(error: unknown): AttemptFate;
}

/** The engines, wired to the stores and the transactions of this application. Made by `IdempotencyModule`. */
export class Protection {
  readonly logger = new Logger('Idempotency');
  readonly production = process.env['NODE_ENV'] === 'production';
  readonly guards: ReadonlyMap<string, StoreGuard>;
  readonly #warned = new Set<string>();
  readonly #settings = new WeakMap<object, Partial<Record<CallKind, CallSettings>>>();
  /** Errors pass through every protected call that they leave. */
  readonly #reported = new WeakSet<object>();
  /** Stores that could not be asked the last time. */
  readonly #down = new Set<string>();

  constructor(
    readonly options: ResolvedModuleOptions,
    private readonly transactionsName: string,
    transactions: Transactions | undefined,
    readonly observability: Observability,
  ) {
    const warn = (text: string): void => this.logger.warn(text);
    const { storeTimeoutMs } = options;
    const around = { transactionsName, transactions, storeTimeoutMs, warn };
    this.guards = new Map(
      [...options.stores].map(([name, store]) => [name, new StoreGuard(store, around)]),
    );
  }

  /** What is in force for calls of that kind with these options; the same object of options is looked at once. */
  settingsOf(own: IdempotencyDefaults, kind: CallKind): CallSettings {
    const known = this.#settings.get(own) ?? {};
    if (known[kind]) return known[kind];
    this.#settings.set(own, known);
    return (known[kind] = settingsOf(own, this.options, kind));
  }

  execute(call: ProtectedCall): Promise<Execution> {
    const { settings, options, name, observed } = call;
    const guard = this.guardOf(options);
    const runner = guard?.runnerOf(options);
    if (!guard || !runner) throw new IdempotencyConfigurationError(this.problemsOfMode(options));
    let started = false;
    const guarded: GuardedCall = {
      id: call.id,
      name,
      fingerprint: call.fingerprint,
      ttlMs: settings.ttlMs,
      lockTtlMs: settings.lockTtlMs,
      maxLockHoldMs: settings.maxLockHoldMs,
      isolation: options.isolation,
      attempts: call.attempts,
      run: (claim) => {
        started = true;
        return RunningClaim.run(claim, call, () => call.run());
      },
      conclude: (value) => call.conclude(value),
      concludeError: (error) => call.concludeError(error),
      fateOf: (error) => call.fateOf?.(error) ?? 'counted',
      unused: () => this.unused(name, options.effect),
      unrecorded: (cause) => this.unrecorded(name, call.redelivers, cause),
      // Somebody runs it: what happens to the store after that is no reason to run it, too.
      isTaken: () => void (started = true),
    };
    const conflict = { waitMs: call.waitMs, retryAfterMs: settings.retryAfterMs };
    const ask = (asked: GuardedCall): Promise<Execution> =>
      guard.engine.execute(asked, conflict, runner);
    const asking = observed
      ? observed.asking(guarded, { ...this.targetOf(options), attempt: call.attempt }, ask)
      : ask(guarded);
    const execution = this.#down.has(guard.store.label) ? this.recovering(asking, guard) : asking;
    // What the module says is for calls with a lease: without its database, a transaction cannot be had.
    return settings.onStoreError === 'open' && guard.modeOf(options) === 'lease'
      ? this.orOpen(execution, call, () => started)
      : execution;
  }

  /** Without a store that can be asked, the call runs without protection. */
  private async orOpen(
    execution: Promise<Execution>,
    call: ProtectedCall,
    hasStarted: () => boolean,
  ): Promise<Execution> {
    try {
      return await execution;
    } catch (error) {
      if (hasStarted() || !isIdempotencyError(error, 'IDEMPOTENCY_STORE_UNAVAILABLE')) throw error;
      const { cause } = error as Error;
      this.logger.warn(
        `${call.name} runs without protection, as onStoreError: 'open' says: the store cannot be asked (${textOf(cause)}).`,
      );
      const { observed } = call;
      const run = (): Promise<unknown> => call.run();
      const result = await (observed ? observed.unprotected(run) : run());
      // As if it were kept, so that nothing goes out that a serializer hides.
      return { replayed: false, value: call.conclude(result).value };
    }
  }

  /** Undefined where a store is asked for that there is not. */
  guardOf({ store = DEFAULT_STORE }: ModeOptions): StoreGuard | undefined {
    return this.guards.get(store);
  }

  /** The mode in force; undefined when the options ask for one that this application cannot give. */
  modeOf(options: ModeOptions): IdempotencyMode | undefined {
    return this.guardOf(options)?.modeOf(options);
  }

  /** By what a call with these options, which must be right, is protected. */
  targetOf(options: ModeOptions): { mode: IdempotencyMode | undefined; store: string } {
    const guard = this.guardOf(options)!;
    return { mode: guard.modeOf(options), store: guard.store.label };
  }

  problemsOfMode(options: ModeOptions): string[] {
    const guard = this.guardOf(options);
    if (guard) return guard.problemsOfMode(options);
    const known = [...this.guards.keys()].filter((name) => name !== DEFAULT_STORE);
    return [
      `store: there is none with the name ${JSON.stringify(options.store)}. ${known.length > 0 ? `Known are ${known.join(', ')}.` : 'Name it in IdempotencyModule.forRoot({ stores }).'}`,
    ];
  }

  /**
   * Writes down what no caller can cure, once, where nobody else does: Nest is silent about every `HttpException`, while the
   * drivers that settle deliveries write down each one that failed, this error included.
   */
  report(error: unknown, name: string): void {
    const status = isIdempotencyError(error) ? statusOf(error) : undefined;
    if (!status || status.http < 500 || this.#reported.has(error as object)) return;
    this.#reported.add(error as object);
    if (isIdempotencyError(error, 'IDEMPOTENCY_STORE_UNAVAILABLE'))
      this.isDown(error as IdempotencyStoreUnavailableError);
    const message = MessageContext.current()?.message;
    const writtenDown =
      message?.delivery.settles && (!message.expectsReply || message.transport === 'golevelup');
    if (!writtenDown) this.logger.error(`${name}: ${status.reason}: ${String(error)}`);
  }

  /** Events that are given back are no failures, and each by itself is not worth a line; that all of them are, is. */
  private isDown({ store, cause }: IdempotencyStoreUnavailableError): void {
    if (this.#down.has(store)) return;
    this.#down.add(store);
    this.logger.warn(
      `The store (${store}) cannot be asked (${textOf(cause)}): calls are refused, and events given back, until it can. A queue with a delivery limit parks an event that comes back too often.`,
    );
  }

  /** The first call that gets an answer again tells so. */
  private async recovering(execution: Promise<Execution>, guard: StoreGuard): Promise<Execution> {
    const answered = await execution;
    const { label } = guard.store;
    if (this.#down.delete(label)) this.logger.log(`The store (${label}) can be asked again.`);
    return answered;
  }

  /** Says something once for every subject, not once for every message. */
  warnOnce(subject: string, text: string, level: 'warn' | 'error' = 'warn'): void {
    if (this.#warned.has(subject)) return;
    this.#warned.add(subject);
    this.logger[level](text);
  }

  unused(name: string, effect: IdempotentOptions['effect']): void {
    if (effect === 'none') return;
    const error = new TransactionUnusedError(name, this.transactionsName);
    if (!this.production) throw error;
    this.warnOnce(`unused ${name}`, error.message);
  }

  unrecorded(name: string, redelivers: boolean, cause: unknown): void {
    const why = cause === undefined ? 'somebody else has taken it' : 'its outcome cannot be stored';
    // An event that comes again finds what counts. A caller is better served with the result there is.
    if (redelivers)
      throw cause === undefined
        ? new IdempotencyLeaseLostError(why)
        : new IdempotencyLeaseLostError(why, cause, 'See that the store can be reached.');
    this.logger.error(
      `${name} has run, but its claim is lost (${why}): a repetition may run it again.`,
      cause instanceof Error ? cause.stack : undefined,
    );
  }
}
