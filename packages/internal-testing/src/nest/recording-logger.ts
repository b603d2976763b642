import type { LoggerService } from '@nestjs/common';
import { inspect } from 'node:util';

/** Nest's levels. */
export type LogLevel = 'log' | 'error' | 'warn' | 'debug' | 'verbose' | 'fatal';

/** What a logger was given at once. */
export interface LogEntry {
  readonly level: LogLevel;
  readonly message: unknown;
  /** The logger's name: Nest passes it last. */
  readonly context: string | undefined;
  /** What stood between the message and the context: objects, a stack. */
  readonly extra: readonly unknown[];
}

/** Nest's logger, silent: it keeps what it was given. */
export class RecordingLogger implements LoggerService {
  readonly entries: LogEntry[] = [];

  readonly log = this.record('log');
  readonly error = this.record('error');
  readonly warn = this.record('warn');
  readonly debug = this.record('debug');
  readonly verbose = this.record('verbose');
  readonly fatal = this.record('fatal');

  /** The messages as text, of one level or of all. */
  messages(level?: LogLevel): string[] {
    return this.entries
      .filter((entry) => level === undefined || entry.level === level)
      .map(({ message }) => (typeof message === 'string' ? message : inspect(message)));
  }

  private record(level: LogLevel) {
    return (message: unknown, ...rest: unknown[]): void => {
      const last = rest.at(-1);
      const context = typeof last === 'string' ? last : undefined;
      const extra = context === undefined ? rest : rest.slice(0, -1);
      this.entries.push({ level, message, context, extra });
    };
  }
}
