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

export function decodeHeaders(text: string | null): Record<string, HeaderValue> {
  if (text === null) return {};
  const headers = JSON.parse(text) as Record<string, HeaderValue | { base64: string }>;
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value === 'object' && 'base64' in value) {
      headers[name] = Buffer.from(value.base64, 'base64');
    }
  }
  return headers as Record<string, HeaderValue>;
}
