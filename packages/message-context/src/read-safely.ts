import { inspect } from 'node:util';

/**
 * A property of whatever was thrown or received: that can be anything, also an object whose getters throw. Whoever decides what becomes
 * of a failure, or records it, must not fail himself.
 */
export function readSafely(value: unknown, key: PropertyKey): unknown {
  if (typeof value !== 'object' && typeof value !== 'function') return undefined;
  try {
    return (value as Record<PropertyKey, unknown> | null)?.[key];
  } catch {
    return undefined;
  }
}

/** The property, if it is a text that says something. */
export function readText(value: unknown, key: PropertyKey): string | undefined {
  const text = readSafely(value, key);
  return typeof text === 'string' && text !== '' ? text : undefined;
}

/** What a method without arguments returns; undefined where there is none, or it throws. */
export function callSafely(value: unknown, method: string): unknown {
  const called = readSafely(value, method);
  if (typeof called !== 'function') return undefined;
  try {
    return called.call(value) as unknown;
  } catch {
    return undefined;
  }
}

const UNWRITABLE = '(a value that cannot be written as text)';

/** `String(value)` of whatever was thrown: an object without a prototype, for one, cannot be written out. */
export function writeSafely(value: unknown): string {
  try {
    return String(value);
  } catch {
    return UNWRITABLE;
  }
}

/** What is in a value, on one line: of an object that is no error, "[object Object]" helps nobody. */
export function inspectSafely(value: unknown): string {
  try {
    return inspect(value, {
      depth: 1,
      customInspect: false,
      maxStringLength: 200,
      maxArrayLength: 10,
      breakLength: Infinity,
    });
  } catch {
    return UNWRITABLE;
  }
}

/** The message of whatever was thrown, else the value itself as text. */
export function textOf(value: unknown): string {
  const message = readSafely(value, 'message');
  return typeof message === 'string' && message !== '' ? message : writeSafely(value);
}
