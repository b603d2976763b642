import { decode, encode } from '../core/codec.js';
import { UNKEPT, type Conclusion } from '../core/attempt.js';
import { opened } from '../core/sealing.js';
import { textOf } from '../core/text-of.js';
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
  // Not where there is a value: then an interceptor was tired of waiting for it, and has answered.
  if (value === undefined && reply?.isSent)
    return unkept(name, value, 'after it had sent its response by itself', protection);
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

/** The outcome under which an error is kept; undefined: the next attempt may run. Never throws. */
export function concludeError(
  error: unknown,
  kept: Pick<Kept, 'id' | 'name' | 'maxReplySize'> & Pick<IdempotencyDefaults, 'storeIf'>,
  protection: Protection,
): string | undefined {
  const { id, name, storeIf, maxReplySize } = kept;
  try {
    const final = finalError(error, storeIf);
    if (!final) return undefined;
    const encoded = encode({ error: final });
    if (!('text' in encoded)) {
      errorUnkept(name, `answers with ${encoded.what}`, 'Give it a plain response.', protection);
      return undefined;
    }
    const size = Buffer.byteLength(encoded.text);
    if (size <= maxReplySize) return sealed(encoded.text, id, protection);
    const what = `takes ${size} bytes, of which no more than ${maxReplySize} are kept`;
    errorUnkept(name, what, 'Let it say less, or raise maxReplySize.', protection);
  } catch (failure) {
    // Thrown on, it would hide the handler's own error, and the key would not be given back.
    protection.warnOnce(
      `storeIf ${name}`,
      `storeIf of ${name} failed (${textOf(failure)}), so the error it was asked about is not kept: the next attempt runs again. Let it return true or false.`,
      'error',
    );
  }
  return undefined;
}

function errorUnkept(name: string, what: string, remedy: string, protection: Protection): void {
  protection.warnOnce(
    `error ${name}`,
    `${name} threw an error that storeIf calls final, and it ${what}, so it cannot be kept: the next attempt runs again. ${remedy}`,
  );
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
