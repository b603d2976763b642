import { decode, encode } from '../core/codec.js';
import { UNKEPT, type Conclusion } from '../core/attempt.js';
import {
  IdempotencyRecordUnreadableError,
  IdempotencyReplyNotKeptError,
  IdempotencyResultNotPlainError,
} from '../idempotency.errors.js';
import type { IdempotencyDefaults } from '../idempotency.options.js';
import type { HttpReply, StoredHead } from './http-reply.js';
import type { Protection } from './protection.js';
import { isStream } from './result.js';
import { finalError, type StoredError } from './stored-error.js';

interface Kept {
  readonly name: string;
  readonly serialize: ((result: unknown) => unknown) | undefined;
  readonly reply: HttpReply | undefined;
}

/**
 * Decides what is stored of a result that somebody may ask for again.
 * @throws {IdempotencyResultNotPlainError} outside of production, and whatever `serialize` throws
 */
export function conclude(result: unknown, kept: Kept, protection: Protection): Conclusion {
  const { name, serialize, reply } = kept;
  if (isStream(result)) return unkept(name, result, 'a stream', protection);
  // The first caller gets what every later one gets.
  const value = serialize ? serialize(result) : result;
  if (value === undefined && !reply?.changed) return { value, verdict: 'record' };
  const encoded = encode({ body: value, head: reply?.head() });
  if ('text' in encoded) return { value, verdict: 'record', outcome: encoded.text };
  if (encoded.kind === 'class' && !protection.production)
    throw new IdempotencyResultNotPlainError(name, encoded.what);
  return unkept(name, value, encoded.what, protection);
}

function unkept(name: string, value: unknown, what: string, protection: Protection): Conclusion {
  protection.warnOnce(
    `unkept ${name}`,
    `${name} returned ${what}, which cannot be kept for a replay: a repetition is not run, and answered IDEMPOTENCY_REPLY_NOT_KEPT instead. Return plain values, or give @Idempotent({ serialize }).`,
  );
  return { value, verdict: 'record', outcome: UNKEPT };
}

/** The outcome under which an error is kept; undefined: the next attempt may run. */
export function concludeError(
  error: unknown,
  { name, storeIf }: { name: string; storeIf: IdempotencyDefaults['storeIf'] },
  protection: Protection,
): string | undefined {
  const kept = finalError(error, storeIf);
  const encoded = kept && encode({ error: kept });
  if (!encoded || 'text' in encoded) return encoded?.text;
  protection.warnOnce(
    `error ${name}`,
    `${name} threw an error that storeIf calls final, and what it answers has ${encoded.what}, which cannot be kept: the next attempt runs again. Give it a plain response.`,
  );
  return undefined;
}

interface StoredReply {
  readonly body?: unknown;
  readonly head?: StoredHead | undefined;
  readonly error?: StoredError | undefined;
}

/**
 * What `conclude` stored.
 * @throws {IdempotencyReplyNotKeptError} when the call is done and its reply could not be kept
 * @throws {IdempotencyRecordUnreadableError} when somebody else has written there
 */
export function storedReply(outcome: string | undefined, name: string, id: string): StoredReply {
  if (outcome === undefined) return {};
  if (outcome === UNKEPT) throw new IdempotencyReplyNotKeptError();
  try {
    return decode(outcome) as StoredReply;
  } catch (cause) {
    throw new IdempotencyRecordUnreadableError(name, id, cause);
  }
}
