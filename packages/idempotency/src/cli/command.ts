import type { ExitCode } from './cli.errors.js';
import type { OptionName, Values } from './options.js';
import type { OpenStore } from './stores/open-store.js';

/** What a command has to say: both forms hold the same. */
export interface Answer {
  readonly exit: ExitCode;
  readonly json: object;
  /** Without the last line break. */
  readonly text: string;
}

/** What a command works with. */
export interface Desk {
  readonly values: Values;
  /** The store of `--url` or `--config`. Whoever gave the desk closes it. */
  readonly open: () => Promise<OpenStore>;
  /** The same, once it is known to be ready. @throws {CliError} when it is not */
  readonly ready: () => Promise<OpenStore>;
  /** Says what is being done, to be told to people who wait long. */
  readonly doing: (text: string) => void;
}

export interface Command {
  /** One line. */
  readonly summary: string;
  /** What else there is to know, in lines of at most 100 characters. */
  readonly details: string;
  /** Besides `json` and `help`. */
  readonly options: readonly OptionName[];
  run(desk: Desk): Promise<Answer>;
}
