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

/** Gives an error that has a cause the frames of that; they are written when somebody reads them. */
export const borrowStack = (error: Error): void =>
  void Object.defineProperty(error, 'stack', BORROWED);

const BORROWED: PropertyDescriptor & ThisType<Error> = {
  configurable: true,
  get() {
    return `${this.name}: ${this.message}${framesOf(this.cause)}`;
  },
  set(value: unknown) {
    Object.defineProperty(this, 'stack', { value, writable: true, configurable: true });
  },
};

/** All but what it says first, which may have more than one line. */
function framesOf(lender: unknown): string {
  const { stack } = lender as { readonly stack?: unknown };
  if (typeof stack !== 'string') return '';
  const first = stack.search(/\n\s+at /);
  return first < 0 ? '' : stack.slice(first);
}
