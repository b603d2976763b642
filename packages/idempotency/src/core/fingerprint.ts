import { hash } from 'node:crypto';

/**
 * SHA-256 of a payload in one canonical form: key order, absent members and class names make no difference. It never
 * identifies a request; it only tells that a key was used again for another one.
 */
export function fingerprintOf(payload: unknown): string {
  return hash('sha256', canonical(payload, new Set()), 'base64url');
}

function canonical(value: unknown, within: Set<object>): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'bigint':
      return `${value}n`;
    case 'object':
      return value === null ? 'null' : canonicalObject(value, within);
    case 'number':
    case 'boolean':
      return String(value);
    default:
      // What JSON leaves out; two functions are not told apart.
      return 'undefined';
  }
}

function canonicalObject(value: object, within: Set<object>): string {
  if (within.has(value)) return 'circular';
  within.add(value);
  try {
    if (value instanceof Uint8Array) return `bytes:${Buffer.from(value).toString('base64')}`;
    if ('toJSON' in value && typeof value.toJSON === 'function')
      return canonical(value.toJSON(), within);
    if (Array.isArray(value)) return `[${value.map((one) => canonical(one, within)).join()}]`;
    if (value instanceof Map) return `map${canonical([...value], within)}`;
    if (value instanceof Set) return `set${canonical([...value], within)}`;
    return `{${membersOf(value, within).join()}}`;
  } finally {
    within.delete(value);
  }
}

function membersOf(value: object, within: Set<object>): string[] {
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonical(member, within)}`);
}
