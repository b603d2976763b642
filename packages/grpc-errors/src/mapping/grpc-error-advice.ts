import 'reflect-metadata';
import { show } from '@acme/nest-message-context/kit';
import { Injectable } from '@nestjs/common';
import { GrpcErrorsConfigurationError } from '../grpc-errors.errors.js';
import type { ErrorClass } from './error-rules.js';

const ADVICE = Symbol.for('@acme/nest-grpc-errors:advice');
const HANDLES = Symbol.for('@acme/nest-grpc-errors:handles');

/**
 * Marks a provider whose methods say how errors are answered: for errors of others, and where that takes more than a rule.
 *
 *     @GrpcErrorAdvice()
 *     export class PaymentErrors {
 *       @HandlesGrpcError(StripeError)
 *       declined(error: StripeError): GrpcErrorRule | undefined {
 *         return error.type === 'card_error'
 *           ? { code: 'FAILED_PRECONDITION', reason: 'CARD_DECLINED', message: 'The card was declined.' }
 *           : undefined;
 *       }
 *     }
 *
 * A method that returns undefined leaves the error to the class above, and to the rest. Methods are synchronous.
 */
export const GrpcErrorAdvice =
  (): ClassDecorator =>
  (target): void => {
    Injectable()(target);
    Reflect.defineMetadata(ADVICE, true, target);
  };

/**
 * The errors that a method of a `@GrpcErrorAdvice()` class answers: those of these classes, and of what extends them.
 *
 * @throws {GrpcErrorsConfigurationError} for what is no class
 */
export const HandlesGrpcError =
  (...classes: readonly [ErrorClass, ...ErrorClass[]]): MethodDecorator =>
  (target, key): void => {
    const wrong = (classes as readonly unknown[]).find((one) => typeof one !== 'function');
    if (classes.length === 0 || wrong !== undefined)
      throw new GrpcErrorsConfigurationError(
        [`${show(wrong)} is no class of errors. Give those that the method answers.`],
        `@HandlesGrpcError() on ${target.constructor.name}.${String(key)}`,
      );
    const handled = (Reflect.getOwnMetadata(HANDLES, target) ?? []) as Handled[];
    Reflect.defineMetadata(HANDLES, [...handled, { key, classes }], target);
  };

export interface Handled {
  readonly key: string | symbol;
  readonly classes: readonly ErrorClass[];
}

export const isAdvice = (target: unknown): target is ErrorClass =>
  typeof target === 'function' && Reflect.getMetadata(ADVICE, target) === true;

/** Those of a class and of the classes that it extends. */
export function handledBy(prototype: object): Handled[] {
  const all: (Handled & { readonly from: object })[] = [];
  for (let one: object | null = prototype; one; one = Object.getPrototypeOf(one) as object | null)
    for (const handled of (Reflect.getOwnMetadata(HANDLES, one) ?? []) as Handled[])
      // What a class overrides is not said by the one above.
      if (!all.some(({ key, from }) => key === handled.key && from !== one))
        all.push({ ...handled, from: one });
  return all;
}
