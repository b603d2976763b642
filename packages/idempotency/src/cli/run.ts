import { createRequire } from 'node:module';
import { CliError, EXIT, explain, usageError, type ExitCode } from './cli.errors.js';
import type { Answer, Command, Desk } from './command.js';
import { COMMANDS } from './commands/index.js';
import { helpOf, overview } from './help.js';
import { parse, type Parsed, type Values } from './options.js';
import { Progress } from './progress.js';
import { hidingSecretsOf } from './secrets.js';
import { openStore, type OpenStore } from './stores/open-store.js';

/** Where a run stands, and where its words go. */
export interface Surroundings {
  readonly cwd: string;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** Does what a command line asks for, and resolves with what the process ends with; never rejects. */
export async function run(argv: readonly string[], around: Surroundings): Promise<ExitCode> {
  let json = argv.includes('--json');
  let hide = hidingSecretsOf(undefined);
  try {
    const parsed = parse(argv);
    hide = hidingSecretsOf(parsed.values.url);
    json = parsed.values.json === true;
    const { exit, ...answer } = await answerTo(parsed, {
      ...around,
      err: (text) => around.err(hide(text)),
    });
    around.out(json ? `${JSON.stringify(answer.json)}\n` : `${answer.text}\n`);
    return exit;
  } catch (error) {
    const { exit, code, message } = explain(error);
    const text = hide(message);
    around.err(json ? `${JSON.stringify({ error: { code, message: text } })}\n` : `${text}\n`);
    return exit;
  }
}

async function answerTo({ command: name, values }: Parsed, around: Surroundings): Promise<Answer> {
  if (values.version) return versionAnswer();
  if (name === undefined) {
    if (values.help) return { exit: EXIT.done, json: { help: overview() }, text: overview() };
    throw usageError(overview());
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command)
    throw usageError(
      `There is no command ${JSON.stringify(name)}. There are ${Object.keys(COMMANDS).join(', ')}: nest-idempotency --help.`,
    );
  const help = helpOf(name, command);
  if (values.help) return { exit: EXIT.done, json: { help }, text: help };
  refuseForeign(name, command, values);
  return atDesk(command, values, around);
}

function refuseForeign(name: string, { options }: Command, values: Values): void {
  const foreign = Object.keys(values).filter(
    (option) => option !== 'json' && !options.some((known) => known === option),
  );
  if (foreign.length > 0)
    throw usageError(
      `${name} has no option --${foreign[0]}: nest-idempotency ${name} --help lists those that it has.`,
    );
}

/** Runs it, and closes what it has opened. */
async function atDesk(
  command: Command,
  values: Values,
  { cwd, err }: Surroundings,
): Promise<Answer> {
  const progress = new Progress((text) => err(`nest-idempotency: ${text}\n`));
  let opened: OpenStore | undefined;
  const open = async (): Promise<OpenStore> => (opened ??= await openStore(values, cwd));
  const desk: Desk = {
    values,
    open,
    ready: async () => assertReady(await open()),
    doing: (text) => progress.doing(text),
  };
  try {
    return await command.run(desk);
  } finally {
    progress.doing('closing the store');
    // What was done is done: the exit code tells of that.
    await closed(opened).catch((error: unknown) =>
      err(`nest-idempotency: the store could not be closed: ${explain(error).message}\n`),
    );
    progress.stop();
  }
}

async function closed(opened: OpenStore | undefined): Promise<void> {
  await opened?.store.close?.();
  await opened?.close();
}

async function assertReady(opened: OpenStore): Promise<OpenStore> {
  const findings = await opened.store.check();
  const errors = findings.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return opened;
  const text = errors.map((finding) => finding.text).join('\n');
  throw new CliError(EXIT.nothing, 'NOT_READY', text);
}

function versionAnswer(): Answer {
  // From dist/esm/cli: a package cannot name itself from below the package.json that says which format that is.
  const { version } = createRequire(import.meta.url)('../../../package.json') as {
    version: string;
  };
  return { exit: EXIT.done, json: { version }, text: version };
}
