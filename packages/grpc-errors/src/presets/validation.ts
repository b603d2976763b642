import { GrpcCode } from '../core/codes.js';
import type { FailureOf } from '../core/failure.js';
import { callSafely, readSafely } from '../core/read-safely.js';
import { violationsIn, type FieldCase, type Violation } from './violations.js';

export interface ValidationSettings {
  readonly fieldCase: FieldCase;
  readonly maxViolations: number;
}

/** What a validation that has failed is called. */
const VALIDATION_FAILED = 'VALIDATION_FAILED';

/** A request that was refused because of its fields, whoever has validated it. */
export const validationFailure =
  ({ fieldCase, maxViolations }: ValidationSettings): FailureOf =>
  (error) => {
    const found = violationsIn(foundBy(error), fieldCase, maxViolations);
    if (!found) return undefined;
    return {
      code: GrpcCode.INVALID_ARGUMENT,
      reason: VALIDATION_FAILED,
      message: sentence(found),
      details: { badRequest: { fieldViolations: found } },
    };
  };

/** Where its findings stand: in the error itself, or in the answer that Nest's `ValidationPipe` has made of them. */
function foundBy(error: unknown): unknown {
  if (Array.isArray(error)) return error;
  const own = readSafely(error, 'violations');
  if (Array.isArray(own)) return own;
  if (Array.isArray(readSafely(error, 'issues'))) return error;
  const status = callSafely(error, 'getStatus');
  if (status !== 400 && status !== 422) return undefined;
  const response = callSafely(error, 'getResponse');
  if (Array.isArray(readSafely(response, 'issues'))) return response;
  const message = readSafely(response, 'message');
  return Array.isArray(message) ? message : undefined;
}

/** More say nothing more. */
const NAMED = 3;

function sentence(found: readonly Violation[]): string {
  const said = found
    .slice(0, NAMED)
    .map(({ field, description }) =>
      field === '' || description.includes(field) ? description : `${field}: ${description}`,
    );
  const more = found.length > NAMED ? `; and ${found.length - NAMED} more` : '';
  return `The request is not valid: ${said.join('; ')}${more}`;
}
