import { Buffer } from 'node:buffer';

/** Of `amqplib`. Before 2.3.1 it cuts off what is longer, and the broker ends the whole connection for that. */
export const MAX_HEADERS_BYTES = 65_536;

/** What the headers of a message take on the wire, in bytes; a number may take less. */
export function sizeOfHeaders(headers: Readonly<Record<string, unknown>>): number {
  let size = 4;
  for (const name in headers) size += 2 + Buffer.byteLength(name) + sizeOf(headers[name]);
  return size;
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string') return 4 + Buffer.byteLength(value);
  if (value instanceof Uint8Array) return 4 + value.byteLength;
  if (Array.isArray(value)) return value.reduce((size: number, one) => size + 1 + sizeOf(one), 4);
  // `{ '!': type, value }` is amqplib's notation of a number.
  if (typeof value !== 'object' || value === null || '!' in value) return 8;
  return sizeOfHeaders(value as Record<string, unknown>);
}
