import { parseArgs } from 'node:util';
import { usageError } from './cli.errors.js';

interface OptionText {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  /** Whether it may be given more than once. */
  readonly multiple?: true;
  /** Whether it is a URL that may hold a password. */
  readonly secret?: true;
  /** What stands for its value in the help. */
  readonly value?: string;
  readonly help: string;
}

/** Options by their names, without the dashes. */
export type OptionTexts = Readonly<Record<string, OptionText>>;

/** What was given on the command line. */
export type ValuesOf<Options extends OptionTexts> = {
  readonly [Name in keyof Options]?: Options[Name]['type'] extends 'boolean'
    ? boolean
    : Options[Name] extends { readonly multiple: true }
      ? readonly string[]
      : string;
};

/** Every program has these. */
export const COMMON_OPTIONS = {
  json: { type: 'boolean', help: 'one JSON object instead of text' },
  help: { type: 'boolean', short: 'h', help: 'this' },
  version: { type: 'boolean', help: 'the version of this program' },
} as const satisfies OptionTexts;

/** What was given of them. */
export type CommonValues = ValuesOf<typeof COMMON_OPTIONS>;

export interface Parsed {
  /** What is no option: the name of a command, of one or two words, and what it is done to. */
  readonly words: readonly string[];
  readonly values: Readonly<Record<string, string | boolean | readonly string[]>>;
}

/**
 * @param program its name, for the errors
 * @throws {CliError} when an option is not known, lacks its value, or was given twice
 */
export function parse(program: string, options: OptionTexts, argv: readonly string[]): Parsed {
  const { values, positionals, tokens } = parsed(program, options, argv);
  const given = tokens.flatMap((token) => (token.kind === 'option' ? [token.name] : []));
  const twice = given.find(
    (name, index) => !options[name]?.multiple && given.indexOf(name) < index,
  );
  if (twice !== undefined) throw usageError(`--${twice} was given twice. Give it once.`);
  return { words: positionals, values: values as Parsed['values'] };
}

function parsed(program: string, options: OptionTexts, argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options,
      allowPositionals: true,
      strict: true,
      tokens: true,
    });
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    throw usageError(
      code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' ? unknownOption(program, options, message) : message,
    );
  }
}

/** Node goes on about values that begin with a dash, which nobody means here. */
function unknownOption(program: string, options: OptionTexts, message: string): string {
  const [, option = ''] = /'(-[^']*)'/.exec(message) ?? [];
  const like = Object.keys(options).find(
    (name) =>
      option.startsWith(`--${name}`) || (option.length > 4 && `--${name}`.startsWith(option)),
  );
  const meant = like ? ` Is --${like} meant?` : '';
  return `There is no option ${option}.${meant} ${program} --help lists all of them.`;
}
