import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { GrpcFailure } from '../core/failure.js';
import { readSafely, textIn } from '../core/read-safely.js';
import { GrpcErrorsConfigurationError } from '../grpc-errors.errors.js';
import type { GrpcErrorsModuleOptions } from '../grpc-errors.options.js';
import { MODULE_OPTIONS } from '../grpc-errors.tokens.js';
import { applyRule } from './apply-rule.js';
import { ErrorRules, type Answering, type ErrorClass } from './error-rules.js';
import { handledBy, isAdvice } from './grpc-error-advice.js';
import type { GrpcErrorRule } from './grpc-error-rule.js';
import { resolveRule } from './resolve-rule.js';

type Method = (error: unknown) => GrpcErrorRule | undefined;

/** Finds the providers that answer errors, at boot. */
@Injectable()
export class Advices implements OnModuleInit {
  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(ErrorRules) private readonly rules: ErrorRules,
  ) {}

  /** @throws {GrpcErrorsConfigurationError} where two say something of one class */
  onModuleInit(): void {
    const problems: string[] = [];
    const seen = new Set<unknown>();
    const providers = this.discovery.getProviders();
    problems.push(...settingsGivenTwice(providers));
    for (const provider of providers) {
      const { metatype, instance } = provider;
      // Of useValue and useFactory only the object says what it is.
      const classes = [metatype, readSafely(instance, 'constructor')];
      const target = classes.find(isAdvice);
      if (!target) problems.push(...unheard(classes.find(isClass)));
      if (!target || seen.has(target)) continue;
      seen.add(target);
      if (!provider.isDependencyTreeStatic() || !instance) {
        problems.push(
          `${target.name}: has one instance for each request, and errors are answered for all. Give it no request-scoped dependencies.`,
        );
        continue;
      }
      this.#register(instance as object, target.name, problems);
    }
    if (problems.length > 0) throw new GrpcErrorsConfigurationError(problems);
  }

  #register(instance: object, name: string, problems: string[]): void {
    const handled = handledBy(Object.getPrototypeOf(instance) as object);
    if (handled.length === 0)
      problems.push(`${name}: it answers nothing. Put @HandlesGrpcError(SomeError) on a method.`);
    for (const { key, classes } of handled)
      for (const target of classes) {
        const answering = answeringBy(instance, key, `${name}.${String(key)}`);
        if (this.rules.add(target, answering)) continue;
        problems.push(
          `${name}.${String(key)}: something else answers ${target.name} already. Leave one of them: another @HandlesGrpcError(), or mappings.`,
        );
      }
  }
}

const isClass = (target: unknown): target is ErrorClass =>
  typeof target === 'function' && typeof target.prototype === 'object';

/** Nobody would ask it. */
const unheard = (target: ErrorClass | undefined): string[] =>
  target && handledBy(target.prototype as object).length > 0
    ? [
        `${target.name}: it has @HandlesGrpcError() on its methods, and is no advice. Put @GrpcErrorAdvice() on the class.`,
      ]
    : [];

/** One of them would answer, and what the others say would be lost. */
function settingsGivenTwice(providers: ReturnType<DiscoveryService['getProviders']>): string[] {
  const [first, ...others] = providers
    .filter(({ token }) => token === MODULE_OPTIONS)
    .map(({ instance }) => Object.entries((instance ?? {}) as GrpcErrorsModuleOptions).flat());
  const isFirst = (other: readonly unknown[]): boolean =>
    other.length === first!.length && other.every((value, index) => value === first![index]);
  return others.every(isFirst)
    ? []
    : [
        `it is imported ${others.length + 1} times, with different options. Import GrpcErrorsModule.forRoot() once, in the root module: it is there for all.`,
      ];
}

function answeringBy(instance: object, key: string | symbol, where: string): Answering {
  const method = (readSafely(instance, key) as Method).bind(instance);
  return (error): GrpcFailure | undefined => {
    const said = method(error);
    if (said === undefined || said === null) return undefined;
    const problems: string[] = [];
    const rule = resolveRule(
      said,
      textIn(readSafely(error, 'constructor'), 'name') ?? '',
      problems,
    );
    if (problems.length > 0) throw new TypeError(`${where} has returned ${problems.join(' ')}`);
    return applyRule(rule, error);
  };
}
