import { EXIT, explain, usageError, type ExitCode, type Explanation } from './cli.errors.js';
import { helpOf, overview } from './help.js';
import { parse, type CommonValues, type OptionTexts, type Parsed } from './options.js';
import type { Answer, Command, Desk, Opened, Program } from './program.js';
import { Progress } from './progress.js';
import { hidingSecretsOf } from './secrets.js';

/** Where a run stands, and where its words go. */
export interface Surroundings {
  readonly cwd: string;
  readonly out: (text: string) => void;
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
  const told = (error: unknown): Explanation => program.explain?.(error) ?? explain(error);
  try {
    const parsed = parse(program.name, program.options, argv);
    hide = hidingSecretsOf(urlsOf(program.options, parsed.values));
    json = parsed.values['json'] === true;
    const err = (text: string): void => around.err(hide(text));
    const room: Room = { ...around, err, hide, explain: told };
    const { exit, ...answer } = await answerTo(program, parsed, room);
    around.out(json ? `${JSON.stringify(answer.json)}\n` : `${answer.text}\n`);
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
    options[name]?.secret && typeof value === 'string' ? [value] : [],
  );
}

async function answerTo<Values extends CommonValues, Store extends Opened>(
  program: Program<Values, Store>,
  { command: name, values: given }: Parsed,
  room: Room,
): Promise<Answer> {
  const values = given as Values;
  const { commands } = program;
  if (values.version) {
    const version = program.version();
    return { exit: EXIT.done, json: { version }, text: version };
  }
  if (name === undefined) {
    const help = overview(program);
    if (values.help) return { exit: EXIT.done, json: { help }, text: help };
    throw usageError(help);
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command)
    throw usageError(
      `There is no command ${JSON.stringify(name)}. There are ${Object.keys(commands).join(', ')}: ${program.name} --help.`,
    );
  const help = helpOf(program, name, command);
  if (values.help) return { exit: EXIT.done, json: { help }, text: help };
  const foreign = Object.keys(given).find(
    (option) => option !== 'json' && !command.options.some((known) => known === option),
  );
  if (foreign !== undefined)
    throw usageError(
      `${name} has no option --${foreign}: ${program.name} ${name} --help lists those that it has.`,
    );
  return atDesk(program, command, values, room);
}

/** Runs it, and closes what it has opened. */
async function atDesk<Values, Store extends Opened>(
  program: Program<Values, Store>,
  command: Command<Values, Store>,
  values: Values,
  { cwd, err, hide, explain: told }: Room,
): Promise<Answer> {
  const progress = new Progress((text) => err(`${program.name}: ${text}\n`));
  let opened: Store | undefined;
  const open = async (): Promise<Store> => (opened ??= await program.open(values, cwd));
  const desk: Desk<Values, Store> = {
    values,
    cwd,
    open,
    ready: async () => {
      const store = await open();
      await program.assertReady(store);
      return store;
    },
    doing: (text) => progress.doing(text),
    hide,
  };
  try {
    return await command.run(desk);
  } finally {
    progress.doing('closing the store');
    // What was done is done: the exit code tells of that.
    await opened
      ?.close()
      .catch((error: unknown) =>
        err(`${program.name}: the store could not be closed: ${told(error).message}\n`),
      );
    progress.stop();
  }
}
