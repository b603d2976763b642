import { HeaderNames } from '@acme/nest-message-context';
import { cutLines, cutText } from './cut-text.js';
import { fingerprintOf } from './fingerprint.js';
import type { Origin } from './hop-properties.js';
import { readSafely, readText, textOf } from './read-safely.js';

export interface Failure {
  /** Whatever was thrown; undefined where nothing was (`settle({ action: 'park' })`). */
  readonly error: unknown;
  /** Stable SCREAMING_SNAKE: why it is parked or retried. */
  readonly code: string;
  /** A sentence for people. */
  readonly reason: string;
  /** Written as `x-attempt`: the number that the message goes out with. */
  readonly attempt: number;
  /** Unix milliseconds; undefined: now. */
  readonly firstFailedAt?: number | undefined;
  /** Unix milliseconds. */
  readonly now: number;
  readonly origin: Origin;
  readonly service: string;
  readonly includeStack: boolean;
  /** Asked for the words of the error, whole. */
  readonly redact?: ((text: string) => string) | undefined;
}

/**
 * All of the record together, in bytes as AMQP encodes them. The sender's own headers need room as well: beyond 64 KiB amqplib
 * refuses to publish, and before 2.3.1 it loses headers or the connection.
 */
const RECORD_BYTES = 6 * 1024;
const MESSAGE_BYTES = 1024;
const STACK_BYTES = 4 * 1024;
/** Of names and codes; the longest that AMQP allows for queues, exchanges and routing keys is 255 as well. */
const NAME_BYTES = 255;
const CODE_BYTES = 128;
/** Of a header besides its name and text: the length of the name, the type, the length of the text. */
const VALUE_BYTES = 1 + 1 + 4;

/** Causes below are as a rule the driver's words for the same thing. */
const CAUSES = 3;

/**
 * What a message that waits for its next attempt has to know of itself: how often and since when it is tried, where it has to go back to,
 * and in two words why. The rest would be replaced by the next failure, and costs every attempt. Never throws, whatever was thrown.
 */
export function attemptHeaders(failure: Failure): Record<string, string | number> {
  const { error, attempt, firstFailedAt, now, origin } = failure;
  const redacted = redactedBy(failure.redact);
  const headers: Record<string, string | number> = {
    [HeaderNames.attempt]: Number.isSafeInteger(attempt) && attempt > 0 ? attempt : 1,
    [HeaderNames.errorMessage]: cutText(
      messageOf(error, redacted(failure.reason), redacted),
      MESSAGE_BYTES,
    ),
    [HeaderNames.originalQueue]: cutText(origin.queue, NAME_BYTES),
    [HeaderNames.originalExchange]: cutText(origin.exchange, NAME_BYTES),
    [HeaderNames.originalRoutingKey]: cutText(origin.routingKey, NAME_BYTES),
  };
  if (error !== undefined) headers[HeaderNames.errorName] = cutText(nameOf(error), CODE_BYTES);
  const first = isoTime(firstFailedAt ?? now) ?? isoTime(now);
  if (first !== undefined) headers[HeaderNames.firstFailedAt] = first;
  return headers;
}

/**
 * The failure as headers of the message that goes to a dead-letter queue: what happened, where, since when, and where the message has to
 * go back to. 6 KiB at most: the stack is cut first. Never throws, whatever was thrown.
 */
export function failureHeaders(failure: Failure): Record<string, string | number> {
  const { error, code, reason, now, service } = failure;
  const headers = attemptHeaders(failure);
  headers[HeaderNames.errorCode] = cutText(code, CODE_BYTES);
  headers[HeaderNames.errorFingerprint] = fingerprintOf(error ?? reason, code);
  headers[HeaderNames.errorService] = cutText(service, CODE_BYTES);
  const last = isoTime(now);
  if (last !== undefined) headers[HeaderNames.lastFailedAt] = last;
  const room = RECORD_BYTES - encodedBytes(headers);
  const stack = failure.includeStack ? stackOf(error, room, redactedBy(failure.redact)) : '';
  if (stack !== '') headers[HeaderNames.errorStack] = stack;
  return headers;
}

type Redact = (text: string) => string;

const REDACTED = '(redacted: the redact function of deadLetter failed)';

/** What cannot be told to be harmless is not kept. */
function redactedBy(redact: Redact | undefined): Redact {
  if (!redact) return (text) => text;
  return (text) => {
    try {
      const kept: unknown = redact(text);
      return typeof kept === 'string' ? kept : REDACTED;
    } catch {
      return REDACTED;
    }
  };
}

const OF_THE_LATEST: ReadonlySet<string> = new Set([
  HeaderNames.errorCode,
  HeaderNames.errorName,
  HeaderNames.errorMessage,
  HeaderNames.errorStack,
  HeaderNames.errorFingerprint,
  HeaderNames.errorService,
  HeaderNames.lastFailedAt,
]);

/**
 * A message's headers with the record of its latest failure in place of an earlier one: an old stack beside a new message
 * would send people to the wrong place.
 */
export function withFailure(
  headers: Readonly<Record<string, unknown>>,
  record: Readonly<Record<string, string | number>>,
): Record<string, unknown> {
  // Spreading two objects into one takes V8 longer than everything else that is done with a failure.
  return Object.assign(withoutFailure(headers), record);
}

/** What is left without it: how often and since when a message is tried, and where it is from. */
export function withoutFailure(
  headers: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const name of Object.keys(headers)) if (!OF_THE_LATEST.has(name)) kept[name] = headers[name];
  return kept;
}

function nameOf(error: unknown): string {
  return (
    readText(error, 'name') ?? readText(readSafely(error, 'constructor'), 'name') ?? typeof error
  );
}

/** The error's own words, and the reason where it says something else. */
function messageOf(error: unknown, reason: string, redacted: Redact): string {
  const text = error === undefined ? '' : redacted(textOf(error));
  if (text === '') return reason;
  return reason === '' || reason.includes(text) || text.includes(reason)
    ? text
    : `${text} (${reason})`;
}

/** The stack with those of its causes, whole lines of it. */
function stackOf(error: unknown, room: number, redacted: Redact): string {
  const header = Buffer.byteLength(HeaderNames.errorStack) + VALUE_BYTES;
  const parts = [...chainOf(error)].flatMap((one) => {
    const stack = readText(one, 'stack');
    return stack === undefined ? [] : [framed(redacted(stack), redacted(textOf(one)))];
  });
  return cutLines(parts.join('\nCaused by: '), Math.min(STACK_BYTES, room - header));
}

/** The error and its causes, each once. */
function chainOf(error: unknown): Set<unknown> {
  const chain = new Set<unknown>();
  for (let one = error; one != null && !chain.has(one) && chain.size <= CAUSES;) {
    chain.add(one);
    one = readSafely(one, 'cause');
  }
  return chain;
}

/** A stack begins with the error's message: a long one would leave no room for the frames. */
function framed(stack: string, message: string): string {
  const start = stack.indexOf(message);
  if (start < 0) return stack;
  return (
    stack.slice(0, start) + cutText(message, MESSAGE_BYTES) + stack.slice(start + message.length)
  );
}

let latestIsoTime: { readonly ms: number; readonly text: string } = { ms: NaN, text: '' };

/** Writing a date takes long, and what fails in a burst fails in the same milliseconds. */
function isoTime(ms: number): string | undefined {
  if (ms === latestIsoTime.ms) return latestIsoTime.text;
  const time = new Date(ms);
  if (Number.isNaN(time.getTime())) return undefined;
  const text = time.toISOString();
  latestIsoTime = { ms, text };
  return text;
}

/** How many bytes AMQP needs at most for these headers. */
function encodedBytes(headers: Readonly<Record<string, string | number>>): number {
  let bytes = 4;
  for (const [name, value] of Object.entries(headers)) {
    const text = typeof value === 'string' ? Buffer.byteLength(value) : 8;
    bytes += Buffer.byteLength(name) + VALUE_BYTES + text;
  }
  return bytes;
}
