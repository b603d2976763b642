const BRAND = Symbol.for('@acme/internal-testing:error');

/** What this package throws. `code` is stable; the message says what happened and what to do. */
export class TestingError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TestingError';
    this.code = code;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** Recognises the error across copies of this package. */
  static is(value: unknown): value is TestingError {
    return typeof value === 'object' && value !== null && BRAND in value;
  }
}

/** One line about any thrown value: the message, or the code of an error that has none (`AggregateError` of a refused connection). */
export function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  const text = error.message || (typeof code === 'string' ? code : error.name);
  return text.split('\n', 1)[0] ?? text;
}
