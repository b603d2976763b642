import { EXIT, explain, usageError, type ExitCode, type Explanation } from './cli.errors.js';
import { helpOf, overview } from './help.js';
import { parse, type CommonValues, type OptionTexts, type Parsed } from './options.js';
import type { Answer, Command, Desk, Opened, Program } from './program.js';
import { Progress } from './progress.js';
import { hidingSecretsOf } from './secrets.js';

/** Where a run stands, and where its words go. */
export interface Surroundings {
  readonly cwd: string;
  readonly out: (text: string) => void | Promise<void>;
  readonly err: (text: string) => void;
}

/** A run with its secrets hidden. */
interface Room extends Surroundings {
  readonly hide: (text: string) => string;
  readonly explain: (error: unknown) => Explanation;
}

/** Does what a command line asks for, and resolves with what the process ends with; never rejects. */
export async function run<Values extends CommonValues, Store extends Opened>(
  program: Program<Values, Store>,
  argv: readonly string[],
  around: Surroundings,
): Promise<ExitCode> {
  let json = argv.includes('--json');
  let hide = hidingSecretsOf([]);
  const told = (error: unknown): Explanation =>
    program.explain?.(error) ?? explain(error, program.place);
  try {
    const parsed = parse(program.name, program.options, argv);
    hide = hidingSecretsOf(urlsOf(program.options, parsed.values));
    json = parsed.values['json'] === true;
    const err = (text: string): void => around.err(hide(text));
    const room: Room = { ...around, err, hide, explain: told };
    const { exit, isAside, ...answer } = await answerTo(program, parsed, room);
    const said = json ? `${JSON.stringify(answer.json)}\n` : `${answer.text}\n`;
    if (isAside) around.err(said);
    else await around.out(said);
    return exit;
  } catch (error) {
    const { exit, code, message } = told(error);
    const text = hide(message);
    around.err(json ? `${JSON.stringify({ error: { code, message: text } })}\n` : `${text}\n`);
    return exit;
  }
}

function urlsOf(options: OptionTexts, values: Parsed['values']): string[] {
  return Object.entries(values).flatMap(([name, value]) =>
    options[name]?.secret ? [value].flat().filter((url) => typeof url === 'string') : [],
  );
}

async function answerTo<Values extends CommonValues, Store extends Opened>(
  program: Program<Values, Store>,
  { words, values: given }: Parsed,
  room: Room,
): Promise<Answer> {
  const values = given as Values;
  if (values.version) {
    const version = program.version();
    return { exit: EXIT.done, json: { version }, text: version };
  }
  const { name, operands } = commandIn(program, words);
  const command = name === undefined ? undefined : program.commands[name];
  if (name === undefined || !command) {
    const help = overview(program);
    if (values.help) return { exit: EXIT.done, json: { help }, text: help };
    throw usageError(help);
  }
  const help = helpOf(program, name, command);
  if (values.help) return { exit: EXIT.done, json: { help }, text: help };
  const foreign = Object.keys(given).find(
    (option) => option !== 'json' && !command.options.some((known) => known === option),
  );
  if (foreign !== undefined)
    throw usageError(
      `${name} has no option --${foreign}: ${program.name} ${name} --help lists those that it has.`,
    );
  assertOperands(program.name, name, command.operands ?? [], operands);
  return atDesk(program, command, { values, operands }, room);
}

/** No name where none is given, or only the first word of some. */
function commandIn<Values, Store extends Opened>(
  { name: program, commands }: Program<Values, Store>,
  words: readonly string[],
): { readonly name: string | undefined; readonly operands: readonly string[] } {
  for (const length of [2, 1]) {
    const name = words.slice(0, length).join(' ');
    if (Object.hasOwn(commands, name)) return { name, operands: words.slice(length) };
  }
  const [first] = words;
  const isBegun = Object.keys(commands).some((name) => name.startsWith(`${first} `));
  if (first === undefined || (isBegun && words.length === 1))
    return { name: undefined, operands: [] };
  throw usageError(
    `There is no command ${JSON.stringify(isBegun ? words.slice(0, 2).join(' ') : first)}. There are ${Object.keys(commands).join(', ')}: ${program} --help.`,
  );
}

function assertOperands(
  program: string,
  name: string,
  wanted: readonly string[],
  given: readonly string[],
): void {
  const further = given[wanted.length];
  if (further !== undefined)
    throw usageError(
      wanted.length === 0
        ? `${JSON.stringify(further)} means nothing after "${name}". Values belong to options: --url ${JSON.stringify(further)}.`
        : `${JSON.stringify(further)} means nothing after ${wanted.join(' ')}. Write: ${[program, name, ...wanted].join(' ')} [options].`,
    );
  const missing = wanted[given.length];
  if (missing !== undefined)
    throw usageError(
      `${name} wants ${missing}. Write: ${[program, name, ...wanted].join(' ')} [options].`,
    );
}

/** Runs it, and closes what it has opened. */
async function atDesk<Values, Store extends Opened>(
  program: Program<Values, Store>,
  command: Command<Values, Store>,
  given: Pick<Desk<Values, Store>, 'values' | 'operands'>,
  { cwd, out, err, hide, explain: told }: Room,
): Promise<Answer> {
  const { place = 'store' } = program;
  const progress = new Progress((text) => err(`${program.name}: ${text}\n`));
  let opened: Store | undefined;
  const open = async (): Promise<Store> => (opened ??= await program.open(given.values, cwd));
  const desk: Desk<Values, Store> = {
    ...given,
    cwd,
    open,
    ready: async () => {
      const store = await open();
      await program.assertReady(store);
      return store;
    },
    doing: (text) => progress.doing(text),
    out: async (text) => out(text),
    hide,
  };
  try {
    return await command.run(desk);
  } finally {
    progress.doing(`closing the ${place}`);
    // What was done is done: the exit code tells of that.
    await opened
      ?.close()
      .catch((error: unknown) =>
        err(`${program.name}: the ${place} could not be closed: ${told(error).message}\n`),
      );
    progress.stop();
  }
}
