import { parseArgs } from 'node:util';
import { usageError } from './cli.errors.js';

interface OptionText {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  /** What stands for its value in the help. */
  readonly value?: string;
  readonly help: string;
}

/** Every option of every command. */
export const OPTIONS = {
  url: {
    type: 'string',
    value: 'URL',
    help: 'the store: postgres://…, mariadb://…, redis://… or rediss://…; with the driver of your project',
  },
  config: {
    type: 'string',
    value: 'FILE',
    help: 'instead of --url: a module whose default export is, or gives, { store, namespace?, close? }',
  },
  schema: { type: 'string', value: 'NAME', help: 'SQL: schema of the tables (idempotency)' },
  table: { type: 'string', value: 'NAME', help: 'SQL: table of the records (records)' },
  prefix: { type: 'string', value: 'TEXT', help: 'Redis: what stands before keys (idempotency:)' },
  dialect: { type: 'string', value: 'NAME', help: 'instead of --url: postgres or mariadb' },
  namespace: { type: 'string', value: 'TEXT', help: 'namespace of the service' },
  name: { type: 'string', value: 'TEXT', help: 'name of the handler, such as Billing.charge' },
  key: { type: 'string', value: 'TEXT', help: 'the idempotency key; it is printed nowhere' },
  principal: { type: 'string', value: 'TEXT', help: 'whose call it is, where the service asks' },
  id: { type: 'string', value: 'HEX', help: 'instead of these: the 64 digits that are in logs' },
  'show-outcome': { type: 'boolean', help: 'show the stored reply, too, which may be private' },
  limit: { type: 'string', value: 'N', help: 'how many to remove in one statement (1000)' },
  json: { type: 'boolean', help: 'one JSON object instead of text' },
  help: { type: 'boolean', short: 'h', help: 'this' },
  version: { type: 'boolean', help: 'the version of this program' },
} as const satisfies Record<string, OptionText>;

export type OptionName = keyof typeof OPTIONS;

/** What was given on the command line. */
export type Values = {
  readonly [Name in OptionName]?: (typeof OPTIONS)[Name]['type'] extends 'boolean'
    ? boolean
    : string;
};

export interface Parsed {
  readonly command: string | undefined;
  readonly values: Values;
}

/** @throws {CliError} when an option is not known, lacks its value, or was given twice */
export function parse(argv: readonly string[]): Parsed {
  const { values, positionals, tokens } = parsed(argv);
  const given = tokens.flatMap((token) => (token.kind === 'option' ? [token.name] : []));
  const twice = given.find((name, index) => given.indexOf(name) < index);
  if (twice !== undefined) throw usageError(`--${twice} was given twice. Give it once.`);
  const [command, ...rest] = positionals;
  if (rest.length > 0)
    throw usageError(
      `${JSON.stringify(rest[0])} means nothing after "${command}". Values belong to options: --url ${JSON.stringify(rest[0])}.`,
    );
  return { command, values };
}

function parsed(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: OPTIONS,
      allowPositionals: true,
      strict: true,
      tokens: true,
    });
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    throw usageError(code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' ? unknownOption(message) : message);
  }
}

/** Node goes on about values that begin with a dash, which nobody means here. */
function unknownOption(message: string): string {
  const [, option = ''] = /'(-[^']*)'/.exec(message) ?? [];
  const like = Object.keys(OPTIONS).find(
    (name) =>
      option.startsWith(`--${name}`) || (option.length > 4 && `--${name}`.startsWith(option)),
  );
  const meant = like ? ` Is --${like} meant?` : '';
  return `There is no option ${option}.${meant} nest-idempotency --help lists all of them.`;
}
