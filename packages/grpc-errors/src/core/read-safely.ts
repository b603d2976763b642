import {
  callSafely,
  inspectSafely,
  readSafely,
  readText as textIn,
} from '@acme/nest-message-context/kit';

export { callSafely, readSafely, textIn };

/** Whatever was thrown, for the log: its message, else what it is. */
export function describe(thrown: unknown): string {
  const message = readSafely(thrown, 'message');
  return typeof message === 'string' ? JSON.stringify(message) : inspectSafely(thrown);
}
