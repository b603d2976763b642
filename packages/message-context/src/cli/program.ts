import type { Explanation, ExitCode } from './cli.errors.js';
import type { OptionTexts } from './options.js';

/** What a command has to say: both forms hold the same. */
export interface Answer {
  readonly exit: ExitCode;
  readonly json: object;
  /** Without the last line break. */
  readonly text: string;
  /** Whether standard output has had something else: then this goes to standard error. */
  readonly isAside?: boolean;
}

/** What `--url` or `--config` has opened. */
export interface Opened {
  close(): Promise<void>;
}

/** What a command works with. */
export interface Desk<Values, Store extends Opened> {
  readonly values: Values;
  /** What stands behind the command, as many as it has. */
  readonly operands: readonly string[];
  /** Where it was started; `--config` and drivers are looked for there. */
  readonly cwd: string;
  /** The store of `--url` or `--config`. Whoever gave the desk closes it. */
  readonly open: () => Promise<Store>;
  /** The same, once it is known to be ready. @throws {CliError} when it is not */
  readonly ready: () => Promise<Store>;
  /** Says what is being done, to be told to people who wait long. */
  readonly doing: (text: string) => void;
  /** Writes to standard output, and resolves when that was taken. @throws when nobody reads any more */
  readonly out: (text: string) => Promise<void>;
  /** Takes what is secret in the options out of a text. */
  readonly hide: (text: string) => string;
}

/** One of the things that a program does. */
export interface Command<Values, Store extends Opened> {
  /** One line. */
  readonly summary: string;
  /** What else there is to know, in lines of at most 100 characters. */
  readonly details: string;
  /** What has to stand behind it, for the help: `['QUEUE']`. @default nothing */
  readonly operands?: readonly string[];
  /** Besides `json` and `help`. */
  readonly options: readonly (keyof Values & string)[];
  run(desk: Desk<Values, Store>): Promise<Answer>;
}

/** A command line: what differs between one and the other. */
export interface Program<Values, Store extends Opened> {
  /** How it is called: `nest-outbox`. */
  readonly name: string;
  /** First line of its help. */
  readonly about: string;
  /** When a process ends with 3, after "nothing there: ". */
  readonly nothing: string;
  /** When it ends with 1, after "failed: ". @default the place could not be asked, or its driver is missing */
  readonly failed?: string;
  /** What it works on, for people. @default 'store' */
  readonly place?: string;
  /** How that is named on the command line. @default '--url URL | --config FILE' */
  readonly source?: string;
  /** Who opens what keeps a process alive. @default 'the file of --config' */
  readonly opener?: string;
  /** With `COMMON_OPTIONS` among them. */
  readonly options: OptionTexts;
  /** By their names, of one or two words. */
  readonly commands: Readonly<Record<string, Command<Values, Store>>>;
  readonly version: () => string;
  /** Opens what `--url` or `--config` names. */
  open(values: Values, cwd: string): Promise<Store>;
  /** @throws {CliError} when a command cannot work on the store as it is */
  assertReady(store: Store): Promise<void>;
  /** Errors of which it knows more than the text; undefined for all others. */
  readonly explain?: (error: unknown) => Explanation | undefined;
}
