import { decode, encode } from '../core/codec.js';
import { UNKEPT, type Conclusion } from '../core/attempt.js';
import { opened } from '../core/sealing.js';
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
  readonly id: string;
  readonly name: string;
  readonly serialize: ((result: unknown) => unknown) | undefined;
  readonly reply: HttpReply | undefined;
  readonly maxReplySize: number;
}

/**
 * Decides what is stored of a result that somebody may ask for again.
 * @throws {IdempotencyResultNotPlainError} outside of production, and whatever `serialize` throws
 */
export function conclude(result: unknown, kept: Kept, protection: Protection): Conclusion {
  const { id, name, serialize, reply } = kept;
  if (isStream(result)) return unkept(name, result, 'a stream', protection);
  // The first caller gets what every later one gets.
  const value = serialize ? serialize(result) : result;
  if (value === undefined && !reply?.changed) return { value, verdict: 'record' };
  const encoded = encode(reply ? { body: value, head: reply.head() } : { body: value });
  if ('text' in encoded) {
    const cap = kept.maxReplySize;
    const size = Buffer.byteLength(encoded.text);
    if (size > cap) return tooLarge(name, value, { size, cap }, protection);
    return { value, verdict: 'record', outcome: sealed(encoded.text, id, protection) };
  }
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
  { id, name, storeIf }: Pick<Kept, 'id' | 'name'> & Pick<IdempotencyDefaults, 'storeIf'>,
  protection: Protection,
): string | undefined {
  const kept = finalError(error, storeIf);
  const encoded = kept && encode({ error: kept });
  if (!encoded) return undefined;
  if ('text' in encoded) return sealed(encoded.text, id, protection);
  protection.warnOnce(
    `error ${name}`,
    `${name} threw an error that storeIf calls final, and what it answers has ${encoded.what}, which cannot be kept: the next attempt runs again. Give it a plain response.`,
  );
  return undefined;
}

function tooLarge(
  name: string,
  value: unknown,
  { size, cap }: { readonly size: number; readonly cap: number },
  protection: Protection,
): Conclusion {
  protection.warnOnce(
    `too large ${name}`,
    `${name} returned a reply of ${size} bytes, and no more than ${cap} are kept for a replay: a repetition is not run, and answered IDEMPOTENCY_REPLY_NOT_KEPT instead. Return less (an id, a link), or raise maxReplySize.`,
    'error',
  );
  return { value, verdict: 'record', outcome: UNKEPT };
}

const sealed = (text: string, id: string, { options: { sealing } }: Protection): string =>
  sealing ? sealing.seal(text, id) : text;

interface StoredReply {
  readonly body?: unknown;
  readonly head?: StoredHead | undefined;
  readonly error?: StoredError | undefined;
}

/**
 * What `conclude` stored.
 * @throws {IdempotencyReplyNotKeptError} when the call is done and its reply could not be kept
 * @throws {IdempotencyRecordUnreadableError} when somebody else has written there, or its key is missing
 */
export function storedReply(
  outcome: string | undefined,
  { name, id }: Pick<Kept, 'name' | 'id'>,
  { options }: Protection,
): StoredReply {
  if (outcome === undefined) return {};
  if (outcome === UNKEPT) throw new IdempotencyReplyNotKeptError();
  try {
    return decode(opened(outcome, id, options.sealing)) as StoredReply;
  } catch (cause) {
    throw new IdempotencyRecordUnreadableError(name, id, cause);
  }
}
