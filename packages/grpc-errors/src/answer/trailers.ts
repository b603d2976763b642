import type { GrpcCallLike } from '@acme/nest-message-context';
import { readSafely } from '../core/read-safely.js';

/** Metadata of grpc-js, as far as it is used here. */
export interface MetadataLike {
  get(key: string): readonly unknown[];
  remove(key: string): void;
  toJSON(): Readonly<Record<string, readonly unknown[]>>;
  set(key: string, value: string | Buffer): void;
  clone(): MetadataLike;
}

/** Beside our own, which have a limit as well: with more than 60 kB in all, clients of grpc-js wait until their time is up. */
const MAX_BYTES = 8_192;

/**
 * Trailers that grpc-js can send: it takes only its own Metadata, and the user's copy of it is the right one. Of an object with texts they are made; what
 * else somebody has put there would end the process. What has no room is left out.
 */
export function trailersOf(given: unknown, call: GrpcCallLike): MetadataLike {
  if (isMetadata(given)) return fitting(given.clone());
  const Metadata = call.metadata.constructor as new () => MetadataLike;
  const made = new Metadata();
  if (typeof given !== 'object' || given === null) return made;
  for (const name of Object.keys(given)) {
    const value = readSafely(given, name);
    try {
      if (typeof value === 'string') made.set(name, value);
    } catch {
      // A name or a text that no trailer takes.
    }
  }
  return fitting(made);
}

function fitting(metadata: MetadataLike): MetadataLike {
  let left = MAX_BYTES;
  for (const [name, values] of Object.entries(metadata.toJSON())) {
    const bytes = values.reduce<number>((sum, value) => sum + name.length + sizeOf(value), 0);
    if (bytes <= left) left -= bytes;
    else metadata.remove(name);
  }
  return metadata;
}

/** As it is sent: bytes are written in base64. */
const sizeOf = (value: unknown): number =>
  typeof value === 'string' ? value.length : Math.ceil(((value as Uint8Array).length * 4) / 3);

const isMetadata = (given: unknown): given is MetadataLike =>
  typeof readSafely(given, 'clone') === 'function' &&
  typeof readSafely(given, 'toHttp2Headers') === 'function';
