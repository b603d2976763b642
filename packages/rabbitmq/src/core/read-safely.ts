import { inspectSafely, readSafely, readText } from '@acme/nest-message-context/kit';

export { readSafely, readText };

/** The message of whatever was thrown, else the value itself as text. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  const message = readSafely(value, 'message');
  // Node's AggregateError of a refused connection has a code and no message.
  if (message === '')
    return [readText(value, 'name'), readText(value, 'code')].filter(Boolean).join(' ');
  return typeof message === 'string' ? message : inspectSafely(value);
}
