import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import type { HeaderValue } from '@acme/nest-message-context';
import { parseDuration, show } from '@acme/nest-message-context/kit';
import type { Due, NewMessage } from '../contracts/messages.js';
import { OutboxMessageInvalidError } from '../outbox.errors.js';
import { encodeHeaders } from './headers-codec.js';
import { toMessage } from './outbox-event.js';
import type { OutboxMessage } from './outbox-message.js';

/** AMQP carries names in at most so many bytes. Better refused here, with the caller's stack, than parked a day later. */
const MAX_NAME_BYTES = 255;

/**
 * The messages and events as they are stored: complete snapshots, which later changes of the given objects do not reach.
 *
 * @throws {OutboxMessageInvalidError} listing everything that could never be published
 */
export function toNewMessages(
  messages: readonly unknown[],
  inherited: Readonly<Record<string, HeaderValue>>,
): NewMessage[] {
  const problems: string[] = [];
  const made: NewMessage[] = [];
  for (const [index, given] of messages.entries()) {
    const note = (problem: string): void => {
      problems.push(messages.length === 1 ? problem : `message ${index}: ${problem}`);
    };
    const message = toMessage(given, note);
    if (message) made.push(toNewMessage(message, inherited, note));
  }
  if (problems.length > 0) throw new OutboxMessageInvalidError(problems);
  return made;
}

const OPTIONAL_NAMES = ['exchange', 'routingKey', 'key', 'contentType', 'messageId'] as const;

/** A misspelt field would be believed to do something. */
const FIELDS: ReadonlySet<string> = new Set([
  ...['type', 'payload', 'exchange', 'routingKey', 'key', 'messageId', 'headers'],
  ...['contentType', 'timestamp', 'availableAt', 'delay'],
]);

type Note = (problem: string) => void;

function toNewMessage(
  message: OutboxMessage,
  inherited: Readonly<Record<string, HeaderValue>>,
  note: Note,
): NewMessage {
  const { exchange, routingKey, key, contentType, messageId, timestamp } = message;
  for (const name in message) {
    if (!FIELDS.has(name))
      note(`${name}: there is no such field. Known are ${[...FIELDS].join(', ')}.`);
  }
  checkName('type', message.type, note);
  if (message.type === '')
    note('type: empty. Give the event its name, with its version: order.placed.v1.');
  for (const name of OPTIONAL_NAMES)
    if (message[name] !== undefined) checkName(name, message[name], note);
  // Consumers would take all such messages for copies of one.
  if (messageId === '') note('messageId: empty. Leave it out, or give one that is its own.');
  if (timestamp !== undefined && !isTime(timestamp)) {
    note(
      `timestamp: ${String(timestamp)} is no time between 1970 and 9999. Give Unix milliseconds.`,
    );
  }
  const headers = { ...inherited, ...message.headers };
  for (const [name, value] of Object.entries(headers)) checkHeader(name, value, note);
  return {
    messageId: messageId ?? randomUUID(),
    type: message.type,
    key: key ?? null,
    exchange: exchange ?? null,
    routingKey: routingKey ?? null,
    contentType: contentType ?? null,
    headers: encodeHeaders(headers),
    occurredAt: timestamp ?? Date.now(),
    payload: snapshot(message.payload, note),
    due: dueOf(message, note),
  };
}

function dueOf({ availableAt, delay }: OutboxMessage, note: Note): Due | null {
  if (availableAt !== undefined && delay !== undefined) {
    note('availableAt and delay: give one of them.');
    return null;
  }
  if (delay !== undefined) {
    const inMs = parseDuration(delay);
    if (inMs === undefined || inMs > MAX_TIME) {
      note(`delay: ${show(delay)} is not a duration. Give milliseconds, or '250ms', '30s', '15m'.`);
    }
    return inMs ? { inMs } : null;
  }
  if (availableAt === undefined) return null;
  const atMs = availableAt instanceof Date ? availableAt.getTime() : availableAt;
  if (Number.isFinite(atMs) && Math.abs(atMs) <= MAX_TIME) return { atMs };
  note(`availableAt: ${show(availableAt)} is not a time. Give a Date or Unix milliseconds.`);
  return null;
}

const isTime = (ms: unknown): boolean => typeof ms === 'number' && ms >= 0 && ms <= LAST_TIME;

/** Databases read no later one: the end of the year 9999. */
const LAST_TIME = Date.UTC(10_000, 0) - 1;

/** What a `Date` can hold. */
const MAX_TIME = 8.64e15;

function checkName(name: string, value: unknown, note: Note): void {
  if (typeof value !== 'string') note(`${name}: ${typeof value} instead of a string.`);
  else if (value.length > MAX_NAME_BYTES / 3 && Buffer.byteLength(value) > MAX_NAME_BYTES) {
    note(`${name}: ${Buffer.byteLength(value)} bytes; AMQP carries at most ${MAX_NAME_BYTES}.`);
  } else if (value.includes('\0')) note(`${name}: contains a NUL character.`);
}

function checkHeader(name: string, value: unknown, note: Note): void {
  checkName(`headers: the name ${JSON.stringify(name)}`, name, note);
  const ok =
    (typeof value === 'string' && !value.includes('\0')) ||
    typeof value === 'boolean' ||
    Number.isFinite(value) ||
    value instanceof Uint8Array;
  if (!ok) {
    note(
      `headers["${name}"]: give a string, a finite number, a boolean or bytes, not ${describe(value)}.`,
    );
  }
}

function snapshot(payload: unknown, note: Note): string | Uint8Array {
  if (payload instanceof Uint8Array) return Uint8Array.from(payload);
  try {
    const text = JSON.stringify(payload) as string | undefined;
    if (text !== undefined) return text;
    note(`payload: ${describe(payload)} has no JSON. Give a value that JSON has, or bytes.`);
  } catch (error) {
    note(
      `payload: not serialisable as JSON (${error instanceof Error ? error.message : String(error)}).`,
    );
  }
  return '';
}

function describe(value: unknown): string {
  if (typeof value === 'string')
    return value.includes('\0') ? 'a string with a NUL character' : JSON.stringify(value);
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
