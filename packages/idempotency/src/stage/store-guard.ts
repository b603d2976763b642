import { DEFAULT_TRANSACTIONS, type Transactions } from '@acme/nest-transaction';
import type { Runner } from '../core/attempt.js';
import { autocommitted } from '../core/autocommitted.js';
import { Engine } from '../core/engine.js';
import { LeaseRunner } from '../core/lease-runner.js';
import { isSqlStore, type IdempotencyStore, type SqlIdempotencyStore } from '../core/store.js';
import { TransactionRunner } from '../core/transaction-runner.js';
import type { IdempotencyMode, IdempotentOptions } from '../idempotency.options.js';
import { nodeRuntime } from './node-runtime.js';

interface Surroundings {
  /** As the module was told: for errors. */
  readonly transactionsName: string;
  readonly transactions: Transactions | undefined;
  readonly storeTimeoutMs: number;
  readonly warn: (text: string) => void;
}

/** One store, with what protects calls by it. */
export class StoreGuard {
  readonly store: IdempotencyStore;
  readonly engine: Engine;
  readonly #runners: Partial<Record<IdempotencyMode, Runner>>;

  constructor(
    given: IdempotencyStore,
    private readonly around: Surroundings,
  ) {
    const { transactions, storeTimeoutMs, warn } = around;
    const bound =
      isSqlStore(given) && !given.database && transactions?.dialect === given.dialect
        ? given.on(autocommitted(transactions))
        : given;
    this.store = bound;
    this.engine = new Engine(nodeRuntime, bound);
    this.#runners = {
      ...(!isSqlStore(bound) || bound.database
        ? { lease: new LeaseRunner(bound, nodeRuntime, { storeTimeoutMs, warn }) }
        : {}),
      ...(isSqlStore(bound) && transactions?.dialect === bound.dialect
        ? { transaction: new TransactionRunner(bound, transactions, warn) }
        : {}),
    };
  }

  /** The mode in force; undefined when the options ask for one that this application cannot give. */
  modeOf({ mode }: Pick<IdempotentOptions, 'mode'>): IdempotencyMode | undefined {
    const asked = mode === undefined || mode === 'auto' ? this.auto : mode;
    return asked && this.#runners[asked] ? asked : undefined;
  }

  runnerOf(options: Pick<IdempotentOptions, 'mode'>): Runner | undefined {
    const mode = this.modeOf(options);
    return mode && this.#runners[mode];
  }

  problemsOfMode(options: Pick<IdempotentOptions, 'mode'>): string[] {
    if (this.modeOf(options)) return [];
    const { mode = 'auto' } = options;
    if (mode !== 'lease' && mode !== 'transaction' && mode !== 'auto')
      return [`mode: ${JSON.stringify(mode)} is none. Give 'transaction', 'lease' or 'auto'.`];
    const { store } = this;
    return isSqlStore(store)
      ? this.problemsOfTransactions(store, mode)
      : [
          `mode: "transaction" cannot be had from a store in ${store.label}. Give one in the database of the transactions: PostgresIdempotencyStore, MariaDbIdempotencyStore.`,
        ];
  }

  /** Why a store can neither join transactions nor keep leases; nothing for one that can do either. */
  problemsOfStore(): string[] {
    return this.auto ? [] : this.problemsOfMode({});
  }

  private get auto(): IdempotencyMode | undefined {
    if (this.#runners.transaction) return 'transaction';
    return this.#runners.lease && 'lease';
  }

  private problemsOfTransactions(store: SqlIdempotencyStore, mode: string): string[] {
    const { label, dialect } = store;
    const { transactions, transactionsName } = this.around;
    const isDefault = transactionsName === DEFAULT_TRANSACTIONS;
    const module = isDefault
      ? 'TransactionModule.forRoot({ adapter })'
      : `TransactionModule.forRoot({ adapter, name: '${transactionsName}' })`;
    if (transactions && transactions.dialect !== dialect)
      return [
        `store: ${label} and the "${transactions.dialect}" transactions of ${module} are not one database. Give the store of the database that the transactions are made in, or name that one's: IdempotencyModule.forRoot({ transactions: 'name' }).`,
      ];
    const orName = isDefault
      ? "; where it has a name, say which: IdempotencyModule.forRoot({ transactions: 'name' })"
      : `, or correct transactions: '${transactionsName}'`;
    const what =
      mode === 'transaction'
        ? `mode: "transaction" needs the transactions of ${module}`
        : `store: ${label} has no connection of its own, so it needs the transactions of ${module}`;
    return [
      `${what}, and there are none. Import that, globally or with forRootAsync({ imports })${orName}. For leases, which need no transactions, give the store a connection: new ${store.constructor.name}({ database: pool }).`,
    ];
  }
}
