import type { GrpcCallLike } from '@acme/nest-message-context';
import { readSafely } from '../core/read-safely.js';

/** Metadata of grpc-js, as far as it is used here. */
export interface MetadataLike {
  get(key: string): readonly unknown[];
  set(key: string, value: string | Buffer): void;
  clone(): MetadataLike;
}

/**
 * Trailers that grpc-js can send: it takes only its own Metadata, and the user's copy of it is the right one. Of an object with texts they are made; what
 * else somebody has put there would end the process.
 */
export function trailersOf(given: unknown, call: GrpcCallLike): MetadataLike {
  if (isMetadata(given)) return given.clone();
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
  return made;
}

const isMetadata = (given: unknown): given is MetadataLike =>
  typeof readSafely(given, 'clone') === 'function' &&
  typeof readSafely(given, 'toHttp2Headers') === 'function';
