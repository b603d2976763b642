import { inspect } from 'node:util';

/**
 * A property of whatever was thrown or received: that can be anything, also an object whose getters throw. Whoever records a
 * failure must not fail himself.
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

/** The message of whatever was thrown, else the value itself as text. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  const message = readSafely(value, 'message');
  // Node's AggregateError of a refused connection has a code and no message.
  if (message === '')
    return [readText(value, 'name'), readText(value, 'code')].filter(Boolean).join(' ');
  if (typeof message === 'string') return message;
  try {
    // An object that is no error is told by what is in it: "[object Object]" helps nobody.
    return inspect(value, {
      depth: 1,
      customInspect: false,
      maxStringLength: 200,
      maxArrayLength: 10,
      breakLength: Infinity,
    });
  } catch {
    return '(a value that cannot be written as text)';
  }
}
