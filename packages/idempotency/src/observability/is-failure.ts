import { httpStatusOf } from '../stage/stored-error.js';
import type { IdempotencyOutcome } from './event.js';

/** What an alarm may ring for: not what a caller did wrong, nor what was decided for good and is only said again. */
export function isFailure(type: IdempotencyOutcome, error: unknown): boolean {
  if (type === 'unrecorded' || type === 'exhausted') return true;
  if (error === undefined || type === 'replayed' || type === 'error_kept') return false;
  return (httpStatusOf(error) ?? 500) >= 500;
}
