import type { DynamicModule, Type } from '@nestjs/common';
import type { ModulesContainer, NestFactory } from '@nestjs/core';
import type { GrpcErrorsModuleOptions } from '../grpc-errors.options.js';
import type { GrpcErrorMapping } from '../mapping/resolve-mappings.js';
import { MODULE_OPTIONS } from '../grpc-errors.tokens.js';
import { isAdvice } from '../mapping/grpc-error-advice.js';

export type RootModule = Type | DynamicModule;

/** The Nest of the application. */
export interface NestCore {
  readonly NestFactory: typeof NestFactory;
  readonly ModulesContainer: typeof ModulesContainer;
}

/** What the modules of an application say of errors. */
export interface Scan {
  readonly domains: readonly string[];
  readonly mappings: readonly GrpcErrorMapping[];
  readonly advices: readonly unknown[];
  /** Whether a factory makes the options, which is not called here. */
  readonly isHidden: boolean;
}

/** Looks through all modules, as Nest finds them before it makes anything. */
export async function scanModule(
  { NestFactory: factory, ModulesContainer: container }: NestCore,
  root: RootModule,
): Promise<Scan> {
  const app = await factory.createApplicationContext(root, {
    preview: true,
    logger: false,
    abortOnError: false,
  });
  const advices = new Set<unknown>();
  const given = new Set<GrpcErrorsModuleOptions>();
  let isHidden = false;
  for (const { providers } of app.get(container).values())
    for (const { token, metatype, instance } of providers.values()) {
      if (metatype && isAdvice(metatype)) advices.add(metatype);
      if (token !== MODULE_OPTIONS) continue;
      // Only a value is there before anything is made.
      if (instance) given.add(instance as GrpcErrorsModuleOptions);
      else isHidden = true;
    }
  return {
    domains: [...new Set([...given].map(({ domain }) => domain))],
    mappings: [...given].flatMap(({ mappings = [] }) => mappings),
    advices: [...advices],
    isHidden,
  };
}
