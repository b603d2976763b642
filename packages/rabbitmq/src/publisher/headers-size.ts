import { Buffer } from 'node:buffer';

/** What the headers of a message take on the wire, in bytes; a number may take less. */
export function sizeOfHeaders(headers: Readonly<Record<string, unknown>>): number {
  let size = 4;
  for (const name in headers) size += 2 + Buffer.byteLength(name) + sizeOf(headers[name]);
  return size;
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string') return 4 + Buffer.byteLength(value);
  return value instanceof Uint8Array ? 4 + value.byteLength : 8;
}
