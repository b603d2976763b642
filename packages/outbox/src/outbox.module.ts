import {
  ConfigurableModuleBuilder,
  Module,
  type ConfigurableModuleAsyncOptions,
  type DynamicModule,
} from '@nestjs/common';
import { MessageContextCoreModule } from '@acme/nest-message-context';
import { provideOutbox } from './module/outbox-providers.js';
import type { OutboxModuleExtras, OutboxModuleOptions } from './outbox.options.js';
import { DEFAULT_OUTBOX, OUTBOX_OPTIONS } from './outbox.tokens.js';

/** Of `forRoot()`, or of the feature of that name. */
const configurable = (feature?: string) =>
  new ConfigurableModuleBuilder<OutboxModuleOptions>({ optionsInjectionToken: OUTBOX_OPTIONS })
    .setClassMethodName('forRoot')
    .setExtras<OutboxModuleExtras>(
      { transactions: feature ?? DEFAULT_OUTBOX, isGlobal: true },
      (definition, extras) => provideOutbox(feature, definition, extras),
    )
    .build().ConfigurableModuleClass;

/** Provides `Outbox` (also as `EventSink`) and `OutboxRelay`: `forRoot()` one, and `forFeature()` each further one by its name. */
@Module({ imports: [MessageContextCoreModule] })
export class OutboxModule extends configurable() {
  static override forRoot(options: OutboxModuleOptions & OutboxModuleExtras): DynamicModule {
    // Code without types may give none.
    return super.forRoot(options ?? {});
  }

  /**
   * One more outbox, for another database or another tenant: with a store, a publisher and a relay of its own. Inject it with
   * `@InjectOutbox(name)` and `@InjectOutboxRelay(name)`. Import it once; like `forRoot()`, it can be injected everywhere.
   */
  static forFeature(
    name: string,
    options: OutboxModuleOptions & OutboxModuleExtras,
  ): DynamicModule {
    return { ...configurable(name ?? '').forRoot(options ?? {}), module: OutboxModule };
  }

  /** `forFeature()` whose options come from a factory. */
  static forFeatureAsync(
    name: string,
    options: ConfigurableModuleAsyncOptions<OutboxModuleOptions> & OutboxModuleExtras,
  ): DynamicModule {
    return { ...configurable(name ?? '').forRootAsync(options), module: OutboxModule };
  }
}
