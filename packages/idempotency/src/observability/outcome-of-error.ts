import { isIdempotencyError, type IdempotencyErrorCode } from '../idempotency.errors.js';
import type { IdempotencyOutcome } from './event.js';

const OUTCOMES: readonly (readonly [IdempotencyErrorCode, IdempotencyOutcome])[] = [
  ['IDEMPOTENCY_KEY_IN_USE', 'in_use'],
  ['IDEMPOTENCY_KEY_REUSED', 'reused'],
  ['IDEMPOTENCY_STORE_UNAVAILABLE', 'store_unavailable'],
  ['IDEMPOTENCY_ATTEMPTS_EXHAUSTED', 'exhausted'],
];

/** Of a call that was not run. */
export function outcomeOfError(error: unknown): IdempotencyOutcome {
  return OUTCOMES.find(([code]) => isIdempotencyError(error, code))?.[1] ?? 'refused';
}

/** Of a call that was done before and ended with that error: the kept one, unless it says that nothing could be replayed. */
export function outcomeOfReplay(error: unknown): 'replayed' | 'refused' {
  const unreadable =
    isIdempotencyError(error, 'IDEMPOTENCY_REPLY_NOT_KEPT') ||
    isIdempotencyError(error, 'IDEMPOTENCY_RECORD_UNREADABLE');
  return unreadable ? 'refused' : 'replayed';
}
