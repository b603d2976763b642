import {
  ConfigurableModuleBuilder,
  Inject,
  Module,
  type DynamicModule,
  type OnApplicationShutdown,
  type OnModuleInit,
  type Provider,
} from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { AttemptStore, MessageContextCoreModule, OrderStore } from '@acme/nest-message-context';
import {
  DEFAULT_TRANSACTIONS,
  getTransactionsToken,
  type Transactions,
} from '@acme/nest-transaction';
import type { IdempotencyStore } from './core/store.js';
import { IdempotencyConfigurationError } from './idempotency.errors.js';
import type { IdempotencyModuleOptions } from './idempotency.options.js';
import {
  DEFAULT_STORE,
  resolveModuleOptions,
  type ResolvedModuleOptions,
} from './options/module-options.js';
import { IdempotencyService } from './idempotency.service.js';
import { MODULE_OPTIONS, RESOLVED_OPTIONS } from './idempotency.tokens.js';
import { IdempotencyEvents } from './observability/idempotency-events.js';
import { Observability } from './observability/observability.js';
import { Serializers } from './serializers/serializers.js';
import { problemsOfInfo } from './stage/info-check.js';
import { IdempotencyStage } from './stage/idempotency.stage.js';
import { Protection } from './stage/protection.js';
import { StoredAttempts } from './stage/stored-attempts.js';
import { StoredOrder } from './stage/stored-order.js';
import { StoresLife } from './stage/stores-life.js';

/** Options that must be known before any factory runs, because they decide what the module provides. */
export interface IdempotencyModuleExtras {
  /**
   * Name of the `Transactions` that `transaction` mode claims in: that of the `TransactionModule` of the store's database,
   * for applications that have several. Not used by a lease store.
   * @default 'default'
   */
  readonly transactions?: string;
  /**
   * Whether `@Idempotent()` works in every module without importing this one.
   * @default true
   */
  readonly isGlobal?: boolean;
}

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<IdempotencyModuleOptions>({
  optionsInjectionToken: MODULE_OPTIONS,
})
  .setClassMethodName('forRoot')
  .setExtras<IdempotencyModuleExtras>(
    { transactions: DEFAULT_TRANSACTIONS, isGlobal: true },
    (definition, { transactions = DEFAULT_TRANSACTIONS, isGlobal = true }) =>
      provide(definition, transactions, isGlobal),
  )
  .build();

/** Makes `@Idempotent()` and `IdempotencyService` available. Import it once. The clients it is given stay with their owner. */
@Module({})
export class IdempotencyModule
  extends ConfigurableModuleClass
  implements OnModuleInit, OnApplicationShutdown
{
  constructor(
    @Inject(StoresLife) private readonly stores: StoresLife,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
  ) {
    super();
  }

  /** Everything that is wrong with the options is said when the application starts, in one error. */
  static override forRoot(
    options: IdempotencyModuleOptions & IdempotencyModuleExtras,
  ): DynamicModule {
    // Code without types may give none.
    return super.forRoot(options ?? {});
  }

  /** @throws {IdempotencyConfigurationError} when there are two of it, or a store is not ready and may not be made so */
  async onModuleInit(): Promise<void> {
    const count = [...this.modules.values()].filter(({ providers }) =>
      providers.has(RESOLVED_OPTIONS),
    ).length;
    if (count > 1)
      throw new IdempotencyConfigurationError([
        `IdempotencyModule is configured ${count} times, and a handler would get one of them by chance. Configure it once.`,
      ]);
    const problems = problemsOfInfo(this.modules);
    if (problems.length > 0) throw new IdempotencyConfigurationError(problems);
    await this.stores.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.stores.stop();
  }
}

/** A port of another package, kept where claims are whose handlers name no store. */
const inDefaultStore = (
  port: typeof AttemptStore | typeof OrderStore,
  implementation: new (store: IdempotencyStore, namespace: string) => unknown,
): Provider => ({
  provide: port,
  inject: [Protection],
  useFactory: ({ guards, options }: Protection) =>
    new implementation(guards.get(DEFAULT_STORE)!.store, options.namespace),
});

function provide(
  definition: DynamicModule,
  transactions: string,
  isGlobal: boolean,
): DynamicModule {
  return {
    ...definition,
    global: isGlobal,
    imports: [...(definition.imports ?? []), MessageContextCoreModule],
    providers: [
      ...(definition.providers ?? []),
      {
        provide: RESOLVED_OPTIONS,
        inject: [MODULE_OPTIONS],
        useFactory: (options?: IdempotencyModuleOptions) =>
          resolveModuleOptions(options, process.env['NODE_ENV'] === 'production'),
      },
      {
        provide: Protection,
        inject: [
          RESOLVED_OPTIONS,
          Observability,
          { token: getTransactionsToken(transactions), optional: true },
        ],
        useFactory: (
          options: ResolvedModuleOptions,
          observability: Observability,
          open?: Transactions,
        ) => new Protection(options, transactions, open, observability),
      },
      { provide: Observability, useFactory: () => Observability.load() },
      {
        provide: IdempotencyEvents,
        inject: [Observability],
        useFactory: ({ events$ }: Observability) => new IdempotencyEvents(events$),
      },
      inDefaultStore(AttemptStore, StoredAttempts),
      inDefaultStore(OrderStore, StoredOrder),
      StoresLife,
      Serializers,
      IdempotencyStage,
      IdempotencyService,
    ],
    exports: [
      ...(definition.exports ?? []),
      IdempotencyStage,
      IdempotencyService,
      IdempotencyEvents,
      AttemptStore,
      OrderStore,
    ],
  };
}
