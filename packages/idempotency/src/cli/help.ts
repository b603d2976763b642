import type { Command } from './command.js';
import { COMMANDS } from './commands/index.js';
import { OPTIONS, type OptionName } from './options.js';

const EXIT_CODES = `Ends with
  0  done
  1  failed: the store could not be asked, or its driver is missing
  2  wrong usage; nothing was done
  3  nothing there: no such record, nothing removed, or a store that is not ready

Answers go to standard output, errors and progress to standard error. With --json an answer is one
object, and so is an error: { "error": { "code", "message" } }.`;

/** The help of the program. */
export const overview = (): string =>
  `Looks after the records of @acme/nest-idempotency.

  nest-idempotency <command> --url URL | --config FILE [options]

${columns(Object.entries(COMMANDS).map(([name, { summary }]) => [name, summary]))}

  nest-idempotency <command> --help   its options
  nest-idempotency --version

${EXIT_CODES}`;

/** The help of one command. */
export const helpOf = (name: string, { summary, details, options }: Command): string =>
  `${summary}

  nest-idempotency ${name} [options]

${columns([...options, 'json' as const, 'help' as const].map((option) => [flagOf(option), OPTIONS[option].help]))}

${details}

${EXIT_CODES}`;

function flagOf(option: OptionName): string {
  const text = OPTIONS[option];
  return 'value' in text ? `--${option} ${text.value}` : `--${option}`;
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([first]) => first.length));
  return rows.map(([first, second]) => `  ${first.padEnd(width)}  ${second}`).join('\n');
}
