import { callSafely, readSafely } from '../core/read-safely.js';

/** What Nest's own filter makes of an error that it does not know. */
const isNestsFallback = (answer: unknown): boolean =>
  readSafely(answer, 'status') === 'error' &&
  readSafely(answer, 'message') === 'Internal server error';

/** Whether an answer is what Nest makes of an error by itself; what a filter of the application has made of it is somebody's decision. */
export function isNestsOwn(answer: unknown, thrown: unknown): boolean {
  if (answer === thrown || isNestsFallback(answer)) return true;
  if (typeof readSafely(thrown, 'getError') !== 'function') return false;
  const said = callSafely(thrown, 'getError');
  return (
    answer === said ||
    (readSafely(answer, 'status') === 'error' && readSafely(answer, 'message') === said)
  );
}
