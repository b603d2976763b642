import { readSafely, textOf } from './read-safely.js';

/** The key of a message, or why it has none. */
export type OrderKey = { readonly key: string } | { readonly code: string; readonly why: string };

/** The codes of messages that have no place in the order. */
export const UNORDERED = {
  keyMissing: 'ORDER_KEY_MISSING',
  keyInvalid: 'ORDER_KEY_INVALID',
  unknown: 'ORDER_UNKNOWN',
} as const;

/** Numbers and texts that read the same are one key. */
export function orderKeyOf(value: unknown): OrderKey {
  if (typeof value === 'string' && value !== '') return { key: value };
  if (typeof value === 'bigint' || Number.isFinite(value)) return { key: String(value) };
  if (value === undefined || value === null || value === '')
    return { code: UNORDERED.keyMissing, why: 'it is not there' };
  return {
    code: UNORDERED.keyInvalid,
    why: `${textOf(value)} is neither a text nor a number`,
  };
}

/** The value at a path like `order.id`; undefined where there is none. */
export function valueAt(payload: unknown, path: string): unknown {
  return path.split('.').reduce(readSafely, payload);
}
