/**
 * A property of whatever was thrown: that can be anything, also an object whose getters throw. Whoever decides what becomes
 * of a failed message must not fail himself.
 */
export function readSafely(value: unknown, key: PropertyKey): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  try {
    return (value as Record<PropertyKey, unknown>)[key];
  } catch {
    return undefined;
  }
}

/** Calls a method of whatever was thrown; undefined where there is none or it fails. */
export function callSafely(value: unknown, method: string): unknown {
  const called = readSafely(value, method);
  if (typeof called !== 'function') return undefined;
  try {
    return called.call(value) as unknown;
  } catch {
    return undefined;
  }
}

/** `String(value)` of whatever was thrown: an object without a prototype, for one, cannot be written out. */
export function writeSafely(value: unknown): string {
  try {
    return String(value);
  } catch {
    return '(a value that cannot be written as text)';
  }
}

/** The message of whatever was thrown, else the value itself as text. */
export function textOf(value: unknown): string {
  const message = readSafely(value, 'message');
  return typeof message === 'string' && message !== '' ? message : writeSafely(value);
}
