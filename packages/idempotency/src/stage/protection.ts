import { Logger } from '@nestjs/common';
import { MessageContext, statusOf } from '@acme/nest-message-context';
import { DEFAULT_TRANSACTIONS, type Transactions } from '@acme/nest-transaction';
import type { Conclusion, GuardedCall, Runner } from '../core/attempt.js';
import { Engine, type Execution } from '../core/engine.js';
import { LeaseRunner } from '../core/lease-runner.js';
import type { IdempotencyStore } from '../core/store.js';
import { TransactionRunner } from '../core/transaction-runner.js';
import { IdempotencyInfo } from '../idempotency-info.js';
import {
  IdempotencyConfigurationError,
  IdempotencyLeaseLostError,
  isIdempotencyError,
  TransactionUnusedError,
} from '../idempotency.errors.js';
import type {
  IdempotencyMode,
  IdempotentOptions,
  ResolvedModuleOptions,
} from '../idempotency.options.js';
import { InMemoryIdempotencyStore } from '../stores/in-memory.store.js';
import type { CallSettings } from './call-settings.js';
import { nodeRuntime } from './node-runtime.js';

/** One call to protect. */
export interface ProtectedCall {
  readonly id: string;
  readonly name: string;
  readonly fingerprint: string | undefined;
  readonly settings: CallSettings;
  readonly waitMs: number;
  readonly options: Pick<IdempotentOptions, 'mode' | 'effect' | 'isolation'>;
  /** Nobody but a redelivery will ask for the outcome: an event. */
  readonly redelivers: boolean;
  run(): Promise<unknown>;
  conclude(value: unknown): Conclusion;
}

/** The engine, wired to the store and the transactions of this application. Made by `IdempotencyModule`. */
export class Protection {
  readonly logger = new Logger('Idempotency');
  readonly production = process.env['NODE_ENV'] === 'production';
  readonly store: IdempotencyStore;
  readonly #engine = new Engine(nodeRuntime);
  readonly #runners: Partial<Record<IdempotencyMode, Runner>>;
  readonly #warned = new Set<string>();
  /** Errors pass through every protected call that they leave. */
  readonly #reported = new WeakSet<object>();

  constructor(
    readonly options: ResolvedModuleOptions,
    private readonly transactionsName: string,
    readonly transactions: Transactions | undefined,
  ) {
    this.store = options.store ?? new InMemoryIdempotencyStore();
    this.#runners = this.runners();
  }

  execute(call: ProtectedCall): Promise<Execution> {
    const { settings, options, name } = call;
    const { runner } = this.runnerFor(options);
    if (!runner) throw new IdempotencyConfigurationError(this.problemsOfMode(options));
    const guarded: GuardedCall = {
      id: call.id,
      name,
      fingerprint: call.fingerprint,
      ttlMs: settings.ttlMs,
      lockTtlMs: settings.lockTtlMs,
      maxLockHoldMs: settings.maxLockHoldMs,
      isolation: options.isolation,
      run: (claim) => IdempotencyInfo.run(claim, () => call.run()),
      conclude: (value) => call.conclude(value),
      unused: () => this.unused(name, options.effect),
      unrecorded: (cause) => this.unrecorded(name, call.redelivers, cause),
    };
    const conflict = { waitMs: call.waitMs, retryAfterMs: settings.retryAfterMs };
    return this.#engine.execute(guarded, conflict, runner);
  }

  /** The mode in force; undefined when the options ask for one that this application cannot give. */
  modeOf(options: Pick<IdempotentOptions, 'mode'>): IdempotencyMode | undefined {
    const { runner, mode } = this.runnerFor(options);
    return runner && mode;
  }

  problemsOfMode(options: Pick<IdempotentOptions, 'mode'>): string[] {
    const { runner, mode } = this.runnerFor(options);
    if (runner) return [];
    const { kind, label } = this.store;
    if (mode !== 'lease' && mode !== 'transaction')
      return [`mode: ${JSON.stringify(mode)} is none. Give 'transaction', 'lease' or 'auto'.`];
    if (kind !== mode)
      return [
        `mode: "${mode}" cannot be had from a store in ${label}. Give a store that can (transaction: PostgresIdempotencyStore, lease: RedisIdempotencyStore).`,
      ];
    return this.problemsOfTransactions();
  }

  /** Why a store that needs transactions cannot work; nothing for a store that does without. */
  problemsOfTransactions(): string[] {
    const { store, transactions } = this;
    if (store.kind !== 'transaction' || transactions?.dialect === store.dialect) return [];
    const isDefault = this.transactionsName === DEFAULT_TRANSACTIONS;
    const module = isDefault
      ? 'TransactionModule.forRoot({ adapter })'
      : `TransactionModule.forRoot({ adapter, name: '${this.transactionsName}' })`;
    if (transactions)
      return [
        `store: ${store.label} and the "${transactions.dialect}" transactions of ${module} are not one database. Give the store of the database that the transactions are made in, or name that one's: IdempotencyModule.forRoot({ transactions: 'name' }).`,
      ];
    const orName = isDefault
      ? "; where it has a name, say which: IdempotencyModule.forRoot({ transactions: 'name' })"
      : `, or correct transactions: '${this.transactionsName}'`;
    return [
      `mode: "transaction" needs the transactions of ${module}, and there are none. Import that, globally or with forRootAsync({ imports })${orName}.`,
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
    const message = MessageContext.current()?.message;
    const writtenDown =
      message?.delivery.settles && (!message.expectsReply || message.transport === 'golevelup');
    if (!writtenDown) this.logger.error(`${name}: ${status.reason}: ${String(error)}`);
  }

  /** Says something once for every subject, not once for every message. */
  warnOnce(subject: string, text: string): void {
    if (this.#warned.has(subject)) return;
    this.#warned.add(subject);
    this.logger.warn(text);
  }

  private runnerFor(options: Pick<IdempotentOptions, 'mode'>) {
    const asked = options.mode ?? 'auto';
    const mode = asked === 'auto' ? this.store.kind : asked;
    return { mode, runner: this.#runners[mode] };
  }

  private runners(): Partial<Record<IdempotencyMode, Runner>> {
    const { store, transactions, options } = this;
    if (store.kind === 'lease') {
      const warn = (text: string): void => this.logger.warn(text);
      const { storeTimeoutMs } = options;
      return { lease: new LeaseRunner(store, nodeRuntime, { storeTimeoutMs, warn }) };
    }
    return transactions?.dialect === store.dialect
      ? { transaction: new TransactionRunner(store, transactions) }
      : {};
  }

  private unused(name: string, effect: IdempotentOptions['effect']): void {
    if (effect === 'none') return;
    const error = new TransactionUnusedError(name, this.transactionsName);
    if (!this.production) throw error;
    this.warnOnce(`unused ${name}`, error.message);
  }

  private unrecorded(name: string, redelivers: boolean, cause: unknown): void {
    const why = cause === undefined ? 'somebody else has taken it' : 'its outcome cannot be stored';
    // An event that comes again finds what counts. A caller is better served with the result there is.
    if (redelivers) throw new IdempotencyLeaseLostError(why, cause);
    this.logger.error(
      `${name} has run, but its claim is lost (${why}): a repetition may run it again.`,
      cause instanceof Error ? cause.stack : undefined,
    );
  }
}
