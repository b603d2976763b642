import type { OptionTexts } from './options.js';
import type { Command, Opened, Program } from './program.js';

/** The help of the program. */
export const overview = <Values, Store extends Opened>(program: Program<Values, Store>): string =>
  `${program.about}

  ${program.name} <command> ${program.source ?? '--url URL | --config FILE'} [options]

${columns(Object.entries(program.commands).map(([name, { summary }]) => [name, summary]))}

  ${program.name} <command> --help   its options
  ${program.name} --version

${exitCodes(program)}`;

/** The help of one command. */
export const helpOf = <Values, Store extends Opened>(
  program: Program<Values, Store>,
  name: string,
  { summary, details, options, operands = [] }: Command<Values, Store>,
): string =>
  `${summary}

  ${[program.name, name, ...operands].join(' ')} [options]

${columns([...options, 'json', 'help'].map((option) => [flagOf(program.options, option), program.options[option]?.help ?? '']))}

${details}

${exitCodes(program)}`;

const exitCodes = ({
  nothing,
  place = 'store',
  failed = `the ${place} could not be asked, or its driver is missing`,
}: {
  nothing: string;
  place?: string;
  failed?: string;
}) => `Ends with
  0  done
  1  failed: ${failed}
  2  wrong usage; nothing was done
  3  nothing there: ${nothing}

Answers go to standard output, errors and progress to standard error. With --json an answer is one
object, and so is an error: { "error": { "code", "message" } }.`;

function flagOf(texts: OptionTexts, option: string): string {
  const value = texts[option]?.value;
  return value === undefined ? `--${option}` : `--${option} ${value}`;
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([first]) => first.length));
  return rows.map(([first, second]) => `  ${first.padEnd(width)}  ${second}`).join('\n');
}
