import { readSafely } from '../core/read-safely.js';

/** Where the application has made a call; written when somebody reads it, which costs more than to remember it. */
export interface CallSite {
  readonly stack?: string;
}

/** @param below the method that the application calls: what is made by it is not part of it */
export function callSite(below: (...args: never[]) => unknown): CallSite {
  const site = {};
  Error.captureStackTrace(site, below);
  return site;
}

/**
 * Makes an error without a stack, for `standAt()`: that of an answer begins in the event loop, says nothing of who has called, and costs more than all else
 * that is done for it.
 */
export function withoutStack<E extends Error>(make: () => E): E {
  const { stackTraceLimit } = Error;
  // With 0 there would be a first line, which V8 writes before it lets it be replaced.
  (Error as { stackTraceLimit: unknown }).stackTraceLimit = undefined;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Gives an error that has come back without a stack that of its call, and its cause, where that has come with it. */
export function standAt(error: unknown, site: CallSite): void {
  if (!(error instanceof Error) || error.stack !== undefined) return;
  Object.defineProperty(error, 'stack', {
    configurable: true,
    get: () => `${error.name}: ${error.message}${framesOf(site)}`,
    set: (value: unknown) => {
      Object.defineProperty(error, 'stack', { value, writable: true, configurable: true });
    },
  });
  standAt(readSafely(error, 'cause'), site);
}

/** All but what it says first. */
function framesOf({ stack = '' }: CallSite): string {
  const first = stack.indexOf('\n    at ');
  return first < 0 ? '' : stack.slice(first);
}
