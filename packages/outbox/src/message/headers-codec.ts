import { Buffer } from 'node:buffer';
import type { HeaderValue } from '@acme/nest-message-context';

type Headers = Readonly<Record<string, HeaderValue>>;

/** As JSON text. Bytes become `{"base64": …}`: no header value is an object, so the two cannot be confused. */
export function encodeHeaders(headers: Headers): string | null {
  const entries = Object.entries(headers);
  if (entries.length === 0) return null;
  return JSON.stringify(
    Object.fromEntries(
      entries.map(([name, value]) => [
        name,
        value instanceof Uint8Array ? { base64: Buffer.from(value).toString('base64') } : value,
      ]),
    ),
  );
}

/** Rows may be written by others: what is no header value is left out rather than keeping the message, and its key, back. */
export function decodeHeaders(text: string | null): Record<string, HeaderValue> {
  const stored: unknown = text === null ? null : JSON.parse(text);
  if (typeof stored !== 'object' || stored === null || Array.isArray(stored)) return {};
  return Object.fromEntries(
    Object.entries(stored)
      .map(([name, value]) => [name, decodeValue(value)] as const)
      .filter((entry): entry is readonly [string, HeaderValue] => entry[1] !== undefined),
  );
}

function decodeValue(value: unknown): HeaderValue | undefined {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  const base64 = (value as { base64?: unknown } | null)?.base64;
  return typeof base64 === 'string' ? Buffer.from(base64, 'base64') : undefined;
}
