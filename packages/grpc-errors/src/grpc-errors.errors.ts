import { STATUS, type ErrorStatus } from '@acme/nest-message-context';
import { GrpcCode } from './core/codes.js';

const BRAND = Symbol.for('@acme/nest-grpc-errors:error');

/** Stable codes of everything this package throws by itself. */
export type GrpcErrorsErrorCode = 'GRPC_ERRORS_CONFIGURATION' | 'VALIDATION_FAILED';

/** Base of this package's errors. */
export abstract class GrpcErrorsError extends Error {
  abstract readonly code: GrpcErrorsErrorCode;
  readonly [BRAND] = true;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** True for an error of this package, also of another installed copy of it; `code` narrows it to one kind. */
export function isGrpcErrorsError(error: unknown, code?: GrpcErrorsErrorCode): boolean {
  if (typeof error !== 'object' || error === null || !(BRAND in error)) return false;
  return code === undefined || (error as Partial<GrpcErrorsError>).code === code;
}

/** Options, decorators or mappings are wrong. The message lists every problem with its remedy. */
export class GrpcErrorsConfigurationError extends GrpcErrorsError {
  readonly code = 'GRPC_ERRORS_CONFIGURATION';

  /** @param where whose options they are */
  constructor(
    readonly problems: readonly string[],
    where = 'GrpcErrorsModule',
  ) {
    super(`${where} is not configured correctly:\n- ${problems.join('\n- ')}`);
  }
}

/**
 * A request that is not valid, with what validation has found: thrown by `grpcValidationExceptionFactory()`, or by you. On HTTP and RabbitMQ it
 * is the fault of the request, too.
 */
export class ValidationFailedError extends GrpcErrorsError {
  readonly code = 'VALIDATION_FAILED';
  readonly [STATUS]: ErrorStatus = {
    http: 400,
    grpc: GrpcCode.INVALID_ARGUMENT,
    reason: 'VALIDATION_FAILED',
  };

  /** @param violations of class-validator, the issues of a Standard Schema, or lines of text */
  constructor(readonly violations: readonly unknown[]) {
    super('VALIDATION_FAILED: the request is not valid. See `violations`.');
  }
}
