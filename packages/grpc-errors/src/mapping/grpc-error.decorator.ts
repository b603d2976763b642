import 'reflect-metadata';
import { OutcomeSignal, STATUS, type ErrorStatus } from '@acme/nest-message-context';
import { GrpcErrorsConfigurationError } from '../grpc-errors.errors.js';
import type { ResolvedRule } from './apply-rule.js';
import { collected } from './collected.js';
import type { GrpcErrorRule } from './grpc-error-rule.js';
import { resolveRule } from './resolve-rule.js';
import { statusBy } from './status-by.js';

const RULE = Symbol.for('@acme/nest-grpc-errors:rule');

type ErrorClass<E extends Error> = abstract new (...args: never[]) => E;

/**
 * Says how errors of this class are answered over gRPC. The class knows nothing of gRPC beyond this line, and classes that extend it are answered
 * alike unless they say something else. What is no gRPC understands it as well: REST doors, consumers of RabbitMQ, `@Idempotent()`.
 *
 *     @GrpcError<OrderNotFoundError>({ code: 'NOT_FOUND', metadata: ['orderId'] })
 *     export class OrderNotFoundError extends Error {
 *       constructor(readonly orderId: string) {
 *         super(`Order ${orderId} does not exist.`);
 *       }
 *     }
 *
 * @throws {GrpcErrorsConfigurationError} for a code or a reason that is none, and on what is no class of errors
 */
export const GrpcError =
  <E extends Error>(rule: GrpcErrorRule<E>) =>
  (target: ErrorClass<E>): void => {
    if (!isErrorClass(target))
      throw new GrpcErrorsConfigurationError(
        [
          'it is no class of errors, so nobody would ever see the rule. Put it on the class that is thrown, and let that extend Error.',
        ],
        `@GrpcError() on ${typeof target === 'function' ? (target as ErrorClass<Error>).name : 'a member of a class'}`,
      );
    const problems: string[] = [];
    const resolved = resolveRule(rule, target.name, problems);
    if (target.prototype instanceof OutcomeSignal)
      problems.push(
        'it is an outcome signal, and says itself how it is answered: give its constructor a `status`, or extend Error.',
      );
    if (problems.length > 0)
      throw new GrpcErrorsConfigurationError(problems, `@GrpcError() on ${target.name}`);
    Reflect.defineMetadata(RULE, resolved, target);
    collected(target);
    Object.defineProperty(target.prototype, STATUS, {
      configurable: true,
      get(this: unknown): ErrorStatus {
        return statusBy(resolved, this);
      },
    });
  };

/** By what it inherits, as `Error` may be that of another realm: test runners have their own. */
function isErrorClass(target: unknown): boolean {
  const { prototype } = (typeof target === 'function' ? target : {}) as { prototype?: object };
  return prototype !== undefined && 'message' in prototype;
}

/** The rule on the class itself. */
export const ownRuleOf = (target: object): ResolvedRule | undefined =>
  Reflect.getOwnMetadata(RULE, target) as ResolvedRule | undefined;
