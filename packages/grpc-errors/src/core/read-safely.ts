import { inspect } from 'node:util';

/** Whatever was thrown, for the log: its message, else what it is. */
export function describe(thrown: unknown): string {
  const message = readSafely(thrown, 'message');
  if (typeof message === 'string') return JSON.stringify(message);
  try {
    return inspect(thrown, {
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

/** A property of whatever was thrown: that can be anything, also an object whose getters throw. Who reports a failure must not fail. */
export function readSafely(value: unknown, key: PropertyKey): unknown {
  if (typeof value !== 'object' && typeof value !== 'function') return undefined;
  try {
    return (value as Record<PropertyKey, unknown> | null)?.[key];
  } catch {
    return undefined;
  }
}

/** What a method without arguments returns; undefined where there is none, or it throws. */
export function callSafely(value: unknown, method: string): unknown {
  const found = readSafely(value, method);
  if (typeof found !== 'function') return undefined;
  try {
    return found.call(value) as unknown;
  } catch {
    return undefined;
  }
}

export function textIn(value: unknown, key: PropertyKey): string | undefined {
  const text = readSafely(value, key);
  return typeof text === 'string' && text !== '' ? text : undefined;
}
