import { Buffer } from 'node:buffer';

/**
 * 32-bit FNV-1a of the UTF-8 bytes, finished with murmur3's mixer so that the low bits are as good as the high ones.
 *
 * Stored rows depend on it: it never changes. Whoever writes rows without this package computes the same.
 */
export function keyHash(key: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(key, 'utf8')) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The lane that all messages of a key go through. A message without a key is spread by its id. */
export function laneOf(keyOrId: string, lanes: number): number {
  return keyHash(keyOrId) % lanes;
}

/**
 * How many lanes each of `relays` processes should hold: rounded up, so that none is left over.
 */
export function fairShare(lanes: number, relays: number): number {
  return Math.ceil(lanes / Math.max(1, relays));
}
