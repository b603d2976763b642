import { ValidationFailedError } from '../grpc-errors.errors.js';

/**
 * For Nest's `ValidationPipe` and `StandardSchemaValidationPipe`: keeps what they have found as it is, so that callers get each field by its
 * path. Without it the pipes make lines of text of it, in which paths have to be guessed.
 *
 *     new ValidationPipe({ exceptionFactory: grpcValidationExceptionFactory() })
 */
export const grpcValidationExceptionFactory =
  () =>
  (found: readonly unknown[]): ValidationFailedError =>
    new ValidationFailedError(found);
