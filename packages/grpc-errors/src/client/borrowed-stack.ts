import { textIn } from '../core/read-safely.js';

/**
 * Makes an error without a stack of its own: that of an answer begins in the event loop, says nothing of who has called, and costs more than all else
 * that is done for it.
 */
export function withoutStack<E extends Error>(make: () => E): E {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Gives an error the frames of another. By assignment: defining `stack` anew makes V8 write the old one first. */
export function borrowStack(error: Error, lender: unknown): void {
  error.stack = `${error.name}: ${error.message}${framesOf(lender)}`;
}

/** All but what it says first, which may have more than one line. */
function framesOf(lender: unknown): string {
  const stack = textIn(lender, 'stack') ?? '';
  const first = stack.indexOf('\n    at ');
  return first < 0 ? '' : stack.slice(first);
}
