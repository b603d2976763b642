import { HeaderNames } from '@acme/nest-message-context';
import { cutLines, cutText } from './cut-text.js';
import { withFailure, withoutFailure } from './failure-record.js';
import { MAX_HEADERS_BYTES, sizeOfHeaders } from './headers-size.js';

type Headers = Readonly<Record<string, unknown>>;
/** Of `failureHeaders`. */
type FailureRecord = Readonly<Record<string, string | number>>;

/** Instrumentation adds to them later. */
const ROOM = MAX_HEADERS_BYTES - 1_024;
/** Of the message that says what was left out. */
const NOTE_BYTES = 1_024;

/** Headers of a message that waits for its next attempt; undefined where there is no room even for what that needs. */
export function retryHeaders(
  own: Headers,
  record: FailureRecord,
): Record<string, unknown> | undefined {
  const all = withFailure(own, record);
  if (sizeOfHeaders(all) <= ROOM) return all;
  const needed = withoutFailure(all);
  return sizeOfHeaders(needed) <= ROOM ? needed : undefined;
}

/**
 * Headers of a message that is parked. Where they have no room, the stack is cut; where that is not enough, the message's own
 * are left out, the largest first: better there without some of them than in its queue for ever.
 */
export function parkHeaders(own: Headers, record: FailureRecord): Record<string, unknown> {
  const { [HeaderNames.errorStack]: stack, ...needed } = record as Record<string, string | number>;
  const all = withFailure(own, needed);
  if (sizeOfHeaders(all) > ROOM) leaveOut(all, needed);
  const room = ROOM - sizeOfHeaders({ ...all, [HeaderNames.errorStack]: '' });
  const lines = typeof stack === 'string' && room > 0 ? cutLines(stack, room) : '';
  if (lines !== '') all[HeaderNames.errorStack] = lines;
  return all;
}

function leaveOut(all: Record<string, unknown>, needed: Headers): void {
  const own = Object.keys(all).filter((name) => !Object.hasOwn(needed, name));
  const largestFirst = own
    .map((name) => ({ name, size: sizeOfHeaders({ [name]: all[name] }) }))
    .toSorted((one, other) => other.size - one.size);
  let size = sizeOfHeaders(all) + NOTE_BYTES;
  const names: string[] = [];
  for (const one of largestFirst) {
    if (size <= ROOM) break;
    delete all[one.name];
    names.push(one.name);
    size -= one.size - sizeOfHeaders({});
  }
  const said = String(all[HeaderNames.errorMessage]);
  all[HeaderNames.errorMessage] = cutText(
    `Left out, as headers have ${MAX_HEADERS_BYTES} bytes at most: ${names.join(', ')}. ${said}`,
    NOTE_BYTES,
  );
}
