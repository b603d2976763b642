import { textOf } from '../core/text-of.js';
import { isIdempotencyError, type IdempotencyConfigurationError } from '../idempotency.errors.js';

/** What a process may end with; the same in every command. */
export const EXIT = {
  /** It was done. */
  done: 0,
  /** It could not be done: the store cannot be asked, a driver is missing. */
  failed: 1,
  /** It was asked for wrongly. Nothing was done. */
  usage: 2,
  /** The answer is no: there is no such record, or the store is not ready. */
  nothing: 3,
} as const;

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
export function explain(error: unknown): {
  readonly exit: ExitCode;
  readonly code: string | undefined;
  readonly message: string;
} {
  if (error instanceof CliError) {
    const { exit, code, message } = error;
    return { exit, code, message };
  }
  if (isIdempotencyError(error, 'IDEMPOTENCY_CONFIGURATION')) {
    const { code, problems } = error as IdempotencyConfigurationError;
    return { exit: EXIT.usage, code, message: problems.join('\n') };
  }
  const { code } = (error ?? {}) as { code?: unknown };
  const message = textOf(error);
  return {
    exit: EXIT.failed,
    code: typeof code === 'string' ? code : undefined,
    message: remedied(message, code),
  };
}

const UNREACHED: readonly unknown[] = ['ECONNREFUSED', 'ENOTFOUND', 'ETIMEDOUT', 'EHOSTUNREACH'];

function remedied(message: string, code: unknown): string {
  if (/^MOVED \d/.test(message))
    return `This is a node of a Redis Cluster, which --url cannot reach as a whole (${message}). Give --config with a store on a cluster client.`;
  return UNREACHED.includes(code)
    ? `The store cannot be reached (${message}). See that it runs, and that --url or --config names its host and port.`
    : message;
}
