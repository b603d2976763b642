import {
  ConfigurableModuleBuilder,
  Inject,
  Module,
  type DynamicModule,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { EventSink, MessageContextCoreModule } from '@acme/nest-message-context';
import {
  DEFAULT_TRANSACTIONS,
  getTransactionsToken,
  type Transactions,
} from '@acme/nest-transaction';
import { OutboxAdmin } from './admin/outbox-admin.js';
import { Outbox } from './outbox.js';
import {
  resolveOptions,
  type OutboxModuleExtras,
  type OutboxModuleOptions,
  type OutboxSettings,
} from './outbox.options.js';
import { OUTBOX_OPTIONS, OUTBOX_SETTINGS } from './outbox.tokens.js';
import { OutboxRelay } from './relay/outbox-relay.js';

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<OutboxModuleOptions>({
  optionsInjectionToken: OUTBOX_OPTIONS,
})
  .setClassMethodName('forRoot')
  .setExtras<OutboxModuleExtras>({ transactions: 'default', isGlobal: true }, provide)
  .build();

/** Provides `Outbox` (also as `EventSink`), `OutboxRelay` and `OutboxAdmin`. */
@Module({ imports: [MessageContextCoreModule] })
export class OutboxModule
  extends ConfigurableModuleClass
  implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy
{
  constructor(
    @Inject(OUTBOX_SETTINGS) private readonly settings: OutboxSettings,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(OutboxRelay) private readonly relay: OutboxRelay,
  ) {
    super();
  }

  async onModuleInit(): Promise<void> {
    await this.outbox.prepare();
  }

  onApplicationBootstrap(): void {
    if (this.settings.embedded) this.relay.start();
  }

  /** Before the application closes the pool or the broker's connection. */
  async onModuleDestroy(): Promise<void> {
    await this.relay.stop();
    await this.settings.publisher?.close?.();
  }
}

function provide(definition: DynamicModule, extras: OutboxModuleExtras): DynamicModule {
  const { transactions = DEFAULT_TRANSACTIONS } = extras;
  // Optional only for the sake of the error: Nest's own would not say what to write.
  const open =
    transactions === false ? [] : [{ token: getTransactionsToken(transactions), optional: true }];
  return {
    ...definition,
    global: extras.isGlobal ?? true,
    providers: [
      ...(definition.providers ?? []),
      {
        provide: OUTBOX_SETTINGS,
        inject: [OUTBOX_OPTIONS, ...open],
        useFactory: (options: OutboxModuleOptions | undefined, found?: Transactions) =>
          resolveOptions(options, transactions === false || found ? [] : [missing(transactions)]),
      },
      {
        provide: OutboxRelay,
        inject: [OUTBOX_SETTINGS],
        useFactory: ({ store, publisher, relay }: OutboxSettings) =>
          new OutboxRelay(store, publisher, relay),
      },
      {
        provide: Outbox,
        inject: [OUTBOX_SETTINGS, OutboxRelay, ...open],
        useFactory: (
          { store, lanes, rules }: OutboxSettings,
          relay: OutboxRelay,
          found?: Transactions,
        ) => new Outbox(store, found, lanes, rules, relay.wake),
      },
      { provide: EventSink, useExisting: Outbox },
      {
        provide: OutboxAdmin,
        inject: [OUTBOX_SETTINGS, OutboxRelay],
        useFactory: ({ store }: OutboxSettings, relay: OutboxRelay) =>
          new OutboxAdmin(store.operations, relay.wake),
      },
    ],
    exports: [...(definition.exports ?? []), Outbox, EventSink, OutboxRelay, OutboxAdmin],
  };
}

function missing(name: string): string {
  const options = name === DEFAULT_TRANSACTIONS ? '{ adapter }' : `{ adapter, name: '${name}' }`;
  return (
    `transactions: there are none of the name '${name}'. Import TransactionModule.forRoot(${options}) of @acme/nest-transaction ` +
    '(with isGlobal: false also here, through forRootAsync({ imports })), or give transactions: false where add() is always given { tx } or never called.'
  );
}
