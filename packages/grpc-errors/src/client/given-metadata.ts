import { Metadata } from '@grpc/grpc-js';
import { HeaderNames } from '@acme/nest-message-context';
import { show } from '@acme/nest-message-context/kit';
import { callSafely, readSafely } from '../core/read-safely.js';
import type { GrpcCallOptions } from './grpc-service.types.js';

/**
 * What the caller wants to go along.
 *
 * @throws {TypeError} for what would not arrive: it names the key and the remedy
 */
export function givenMetadata({
  metadata: own = {},
  idempotencyKey,
}: Pick<GrpcCallOptions, 'metadata' | 'idempotencyKey'>): Metadata {
  const metadata = new Metadata();
  if (isMetadata(own)) {
    metadata.setOptions(callSafely(own, 'getOptions') ?? {});
    for (const name of Object.keys(own.toJSON()))
      for (const value of own.get(name)) metadata.add(sound(name, value), value);
  } else for (const [name, value] of Object.entries(own)) metadata.set(sound(name, value), value);
  if (idempotencyKey === undefined) return metadata;
  // Nobody knows a call by it: it would be made again, and done again.
  if (idempotencyKey === '')
    throw new TypeError('idempotencyKey: "" is no key. Give one of the call, or leave it out.');
  metadata.set(sound(HeaderNames.idempotencyKey, idempotencyKey), idempotencyKey);
  return metadata;
}

/** By shape: two copies of grpc-js in one process are common. */
const isMetadata = (own: unknown): own is Metadata =>
  typeof readSafely(own, 'getMap') === 'function' &&
  typeof readSafely(own, 'toJSON') === 'function';

function sound(name: string, value: unknown): string {
  const problem = problemOf(name.toLowerCase(), value);
  if (problem !== undefined) throw new TypeError(`metadata: ${show(name)} ${problem}`);
  return name;
}

const KEY = /^[\da-z_.-]+$/;
/** What HTTP/2 has no place for makes grpc-js try again thousands of times, until the deadline. Others it writes itself, and takes no word of them. */
const OF_HTTP = new Set(
  'connection keep-alive proxy-connection transfer-encoding upgrade http2-settings te host content-type content-length user-agent'.split(
    ' ',
  ),
);
/** With a blank at either end it would be dropped on the way, without a word. */
const TEXT = /^(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?$/;

function problemOf(name: string, value: unknown): string | undefined {
  if (!KEY.test(name)) return 'is no key: use letters, digits, "-", "_" and "." alone.';
  if (name.startsWith('grpc-'))
    return 'is reserved: keys that begin with "grpc-" are those of gRPC itself. Give it another name; for a deadline, give timeout.';
  if (OF_HTTP.has(name))
    return 'is a header of HTTP itself, and is not sent. Leave it out: of a request that is passed on, take what is meant for the other service.';
  if (name.endsWith('-bin'))
    return Buffer.isBuffer(value)
      ? undefined
      : 'takes bytes, since it ends in "-bin". Give Buffer.from(value), or a key without "-bin".';
  if (Buffer.isBuffer(value)) return `has bytes. Give them under "${name}-bin".`;
  if (typeof value !== 'string') return `is ${show(value)}. Give a text, or leave it out.`;
  // Not the value itself: it may be a secret.
  return TEXT.test(value)
    ? undefined
    : `has a value that would not arrive: metadata is ASCII that can be printed, without a blank at either end. Send encodeURIComponent(value), or Buffer.from(value) under "${name}-bin".`;
}
