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

/** Where the calls were made that errors have come back from. */
const SITES = new WeakMap<object, CallSite>();

/** The same for all of them: with functions of its own each error would be an object of another shape to V8. */
const STACK: PropertyDescriptor & ThisType<Error> = {
  configurable: true,
  get() {
    return `${this.name}: ${this.message}${framesOf(SITES.get(this) ?? {})}`;
  },
  set(value: unknown) {
    Object.defineProperty(this, 'stack', { value, writable: true, configurable: true });
  },
};

/** Gives an error that has come back without a stack that of its call. What has come with it as its cause is printed below it, and needs only its words. */
export function standAt(error: unknown, site: CallSite): void {
  if (!(error instanceof Error) || error.stack !== undefined) return;
  SITES.set(error, site);
  Object.defineProperty(error, 'stack', STACK);
  const cause = readSafely(error, 'cause');
  if (cause instanceof Error && cause.stack === undefined)
    cause.stack = `${cause.name}: ${cause.message}`;
}

/** All but what it says first. */
function framesOf({ stack = '' }: CallSite): string {
  const first = stack.indexOf('\n    at ');
  return first < 0 ? '' : stack.slice(first);
}
