import { ConfigurableModuleBuilder, Global, Inject, Logger, Module } from '@nestjs/common';
import type { DynamicModule, NestModule } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Contexts } from './context/contexts.js';
import { MessageObserver } from './delivery/message-observer.js';
import { Doors } from './doors/doors.js';
import { resolveOptions, type MessageContextModuleOptions } from './message-context.options.js';
import { MODULE_OPTIONS, RESOLVED_OPTIONS } from './message-context.tokens.js';

const logger = new Logger('MessageContext');

/**
 * The doors of one application. Imported by every module of this family, so that they stand whether or not the application
 * configures them; being one static class, it exists once per application.
 */
@Global()
@Module({
  imports: [DiscoveryModule],
  providers: [
    Doors,
    {
      provide: RESOLVED_OPTIONS,
      useFactory: resolveOptions,
      inject: [{ token: MODULE_OPTIONS, optional: true }],
    },
    {
      provide: Contexts,
      useFactory: (options: ReturnType<typeof resolveOptions>, observer?: MessageObserver) =>
        new Contexts(options, (text) => logger.warn(text), observer),
      inject: [RESOLVED_OPTIONS, { token: MessageObserver, optional: true }],
    },
  ],
  exports: [Contexts, Doors],
})
export class MessageContextCoreModule implements NestModule {
  constructor(@Inject(Doors) private readonly doors: Doors) {}

  /** Called when an HTTP application initialises: after its middleware and body parsers, before its routes. */
  configure(): void {
    this.doors.beforeRoutes();
  }
}

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<MessageContextModuleOptions>({
  optionsInjectionToken: MODULE_OPTIONS,
})
  .setClassMethodName('forRoot')
  .build();

/** Makes the message being handled available everywhere; import it once, at the top. */
@Module({ imports: [MessageContextCoreModule], exports: [MessageContextCoreModule] })
export class MessageContextModule extends ConfigurableModuleClass {
  static override forRoot(options: MessageContextModuleOptions = {}): DynamicModule {
    resolveOptions(options);
    return visible(super.forRoot(options));
  }

  static override forRootAsync(
    options: Parameters<typeof ConfigurableModuleClass.forRootAsync>[0],
  ): DynamicModule {
    return visible(super.forRootAsync(options));
  }
}

/** The options are read by the core module, wherever this one is imported. */
function visible(module: DynamicModule): DynamicModule {
  return { ...module, global: true, exports: [...(module.exports ?? []), MODULE_OPTIONS] };
}
