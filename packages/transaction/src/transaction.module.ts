import {
  ConfigurableModuleBuilder,
  Inject,
  Logger,
  Module,
  type DynamicModule,
  type OnModuleInit,
} from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import {
  problemsOf,
  type TransactionModuleExtras,
  type TransactionModuleOptions,
} from './transaction.options.js';
import { TransactionConfigurationError } from './transaction.errors.js';
import { DEFAULT_TRANSACTIONS, getTransactionsToken } from './transaction.tokens.js';
import { Transactions } from './transactions.js';

const OPTIONS = 'TransactionModuleOptions';
const NAME = 'TransactionModuleName';

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<TransactionModuleOptions>({
  optionsInjectionToken: OPTIONS,
})
  .setClassMethodName('forRoot')
  .setExtras<TransactionModuleExtras>(
    { name: DEFAULT_TRANSACTIONS, isGlobal: true },
    (definition, { name = DEFAULT_TRANSACTIONS, isGlobal = true }) =>
      provide(definition, name, isGlobal),
  )
  .build();

/** Provides `Transactions`, once for each database: `forRoot({ adapter, name? })`. Closing the pool stays with its owner. */
@Module({})
export class TransactionModule extends ConfigurableModuleClass implements OnModuleInit {
  static override forRoot(
    options: TransactionModuleOptions & TransactionModuleExtras,
  ): DynamicModule {
    // Code without types may give none.
    return super.forRoot(options ?? {});
  }

  constructor(
    @Inject(NAME) private readonly name: string,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
  ) {
    super();
  }

  /** @throws {TransactionConfigurationError} when two modules have the same name: each would get half of the work */
  onModuleInit(): void {
    const token = getTransactionsToken(this.name);
    const providing = [...this.modules.values()].filter(
      ({ providers }) => providers.has(NAME) && providers.has(token),
    );
    if (providing.length < 2) return;
    throw new TransactionConfigurationError([
      `name: "${this.name}" is used by ${providing.length} TransactionModules. Import one of them everywhere, or give each database its own name.`,
    ]);
  }
}

function provide(definition: DynamicModule, name: string, isGlobal: boolean): DynamicModule {
  const token = getTransactionsToken(name);
  return {
    ...definition,
    global: isGlobal,
    providers: [
      ...(definition.providers ?? []),
      { provide: NAME, useValue: name },
      {
        provide: token,
        inject: [OPTIONS],
        useFactory: (options?: TransactionModuleOptions) => create(name, options),
      },
    ],
    exports: [...(definition.exports ?? []), token],
  };
}

function create(name: string, options: TransactionModuleOptions | undefined): Transactions {
  const problems = problemsOf(options, name);
  if (problems.length > 0 || !options) throw new TransactionConfigurationError(problems);
  const logger = new Logger(Transactions.name);
  return new Transactions({
    name,
    adapter: options.adapter,
    onCallbackError: (error) =>
      logger.error('An afterCommit() callback failed; the transaction is committed.', error),
  });
}
