/** What a process may end with; the same in every command of every program. */
export const EXIT = {
  /** It was done. */
  done: 0,
  /** It could not be done: the store cannot be asked, a driver is missing. */
  failed: 1,
  /** It was asked for wrongly. Nothing was done. */
  usage: 2,
  /** The answer is no: there is nothing of the kind, or the store is not ready. */
  nothing: 3,
} as const;

/** One of those. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A command that does not do what was asked, for a reason that the user can mend. */
export class CliError extends Error {
  constructor(
    readonly exit: ExitCode,
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** It was asked for wrongly. */
export const usageError = (message: string): CliError => new CliError(EXIT.usage, 'USAGE', message);

/** What is told of an error, and what the process ends with. */
export interface Explanation {
  readonly exit: ExitCode;
  readonly code: string | undefined;
  readonly message: string;
}

/**
 * Tells of any error.
 *
 * @param place what could not be reached, if it is that
 */
export function explain(error: unknown, place = 'store'): Explanation {
  if (error instanceof CliError) {
    const { exit, code, message } = error;
    return { exit, code, message };
  }
  const { code } = (error ?? {}) as { code?: unknown };
  const message = textOf(error);
  return {
    exit: EXIT.failed,
    code: typeof code === 'string' ? code : undefined,
    message: UNREACHED.includes(code)
      ? `The ${place} cannot be reached (${message}). See that it runs, and that --url or --config names its host and port.`
      : message,
  };
}

const UNREACHED: readonly unknown[] = ['ECONNREFUSED', 'ENOTFOUND', 'ETIMEDOUT', 'EHOSTUNREACH'];

/** What an error says. Node reports that it reached no address of a host in an error without a message; that one has a code. */
export function textOf(error: unknown): string {
  const { message, code } = (error ?? {}) as { message?: unknown; code?: unknown };
  const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
  return [message, code].find(isText) ?? String(error);
}
