import { GrpcAnswers, MessageContextCoreModule } from '@acme/nest-message-context';
import {
  ConfigurableModuleBuilder,
  Global,
  Logger,
  Module,
  type DynamicModule,
} from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Failures } from './answer/failures.js';
import { GrpcAnswersService } from './answer/grpc-answers.service.js';
import {
  resolveOptions,
  type GrpcErrorsModuleOptions,
  type GrpcErrorsSettings,
} from './grpc-errors.options.js';
import type { FailureOf } from './core/failure.js';
import { describe } from './core/read-safely.js';
import { DeadlineStage } from './deadline/deadline.stage.js';
import { Deadlines } from './deadline/deadlines.js';
import { relayedFailure } from './http/relayed.js';
import { GrpcErrorsConfigurationError } from './grpc-errors.errors.js';
import { GRPC_ERRORS_SETTINGS, HTTP_FAILURES, MODULE_OPTIONS } from './grpc-errors.tokens.js';
import { Advices } from './mapping/advices.js';
import { applyRule } from './mapping/apply-rule.js';
import { ErrorRules } from './mapping/error-rules.js';
import { harmless } from './observability/harmless.js';
import { ServerSpans } from './observability/server-spans.js';
import { presetsFor } from './presets/presets-for.js';

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<GrpcErrorsModuleOptions>({
  optionsInjectionToken: MODULE_OPTIONS,
})
  .setClassMethodName('forRoot')
  .build();

function failuresBy(
  { unknown }: GrpcErrorsSettings,
  rules: ErrorRules,
  presets: readonly FailureOf[],
): Failures {
  const log = new Logger('GrpcErrors');
  return new Failures(rules, presets, unknown, (problem) =>
    log.error(
      `A mapping of errors has failed itself: ${describe(problem)}. The error is answered as if there were none.`,
    ),
  );
}

/** Answers every gRPC call that fails with a status that keeps the meaning of its error; import it once, at the top. */
@Global()
@Module({
  imports: [MessageContextCoreModule, DiscoveryModule],
  providers: [
    {
      provide: GRPC_ERRORS_SETTINGS,
      useFactory: resolveOptions,
      inject: [MODULE_OPTIONS],
    },
    {
      provide: ErrorRules,
      inject: [GRPC_ERRORS_SETTINGS],
      useFactory: ({ classes, predicates }: GrpcErrorsSettings) => {
        const log = new Logger('GrpcErrors');
        const rules = new ErrorRules(predicates, (line) => log.warn(line));
        for (const { target, rule } of classes)
          rules.add(target, (error) => applyRule(rule, error));
        return rules;
      },
    },
    Advices,
    {
      provide: Deadlines,
      inject: [GRPC_ERRORS_SETTINGS],
      useFactory: ({ deadline }: GrpcErrorsSettings) => new Deadlines(deadline),
    },
    DeadlineStage,
    {
      provide: HTTP_FAILURES,
      inject: [GRPC_ERRORS_SETTINGS, ErrorRules],
      useFactory: (settings: GrpcErrorsSettings, rules: ErrorRules) =>
        failuresBy(settings, rules, [
          ...(settings.relay === 'map' ? [relayedFailure] : []),
          ...presetsFor(settings),
        ]),
    },
    {
      provide: GrpcAnswers,
      inject: [GRPC_ERRORS_SETTINGS, ErrorRules, Deadlines],
      useFactory: async (settings: GrpcErrorsSettings, rules: ErrorRules, deadlines: Deadlines) => {
        const failures = failuresBy(settings, rules, presetsFor(settings));
        const log = new Logger('GrpcErrors');
        const spans = settings.isTraced ? await ServerSpans.load(harmless(log)) : undefined;
        return new GrpcAnswersService({ settings, failures, deadlines, spans, log });
      },
    },
  ],
  exports: [GrpcAnswers, DeadlineStage, GRPC_ERRORS_SETTINGS, HTTP_FAILURES],
})
export class GrpcErrorsModule extends ConfigurableModuleClass {
  /** @throws {GrpcErrorsConfigurationError} listing every problem */
  static override forRoot(options: GrpcErrorsModuleOptions): DynamicModule {
    resolveOptions(options);
    return super.forRoot(options);
  }

  /** @throws {GrpcErrorsConfigurationError} where nothing gives the options; their own problems are found when the application starts */
  static override forRootAsync(
    options: Parameters<typeof ConfigurableModuleClass.forRootAsync>[0],
  ): DynamicModule {
    const { useFactory, useClass, useExisting } = options ?? {};
    if (!useFactory && !useClass && !useExisting)
      throw new GrpcErrorsConfigurationError([
        "forRootAsync() is given nothing that makes the options. Give { useFactory: () => ({ domain: 'orders.example.com' }) }, useClass or useExisting.",
      ]);
    return super.forRootAsync(options);
  }
}
