import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { GrpcFailure } from '../core/failure.js';
import { readSafely, textIn } from '../core/read-safely.js';
import { GrpcErrorsConfigurationError } from '../grpc-errors.errors.js';
import { applyRule } from './apply-rule.js';
import { ErrorRules, type Answering } from './error-rules.js';
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
    for (const provider of this.discovery.getProviders()) {
      const { metatype, instance } = provider;
      // Of useValue and useFactory only the object says what it is.
      const target = [metatype, readSafely(instance, 'constructor')].find(isAdvice);
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
    for (const { key, classes } of handledBy(Object.getPrototypeOf(instance) as object))
      for (const target of classes) {
        const answering = answeringBy(instance, key, `${name}.${String(key)}`);
        if (this.rules.add(target, answering)) continue;
        problems.push(
          `${name}.${String(key)}: something else answers ${target.name} already. Leave one of them: another @HandlesGrpcError(), or mappings.`,
        );
      }
  }
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
