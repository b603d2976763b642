import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { waitFor } from './wait-for.js';

/** What a process of a command line has left. */
export interface CliResult {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  /** Where it runs, and looks for drivers. @default the folder that was given, where all drivers are found */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** The command line of a built package. */
export interface BuiltCli {
  readonly version: string;
  /** Runs it to its end; it must come by itself. */
  readonly cli: (args: readonly string[], options?: CliOptions) => Promise<CliResult>;
  /** What it answers with `--json`, and what it ends with. */
  readonly cliJson: (
    args: readonly string[],
    options?: CliOptions,
  ) => Promise<{ exit: number | null; answer: unknown; error: unknown }>;
  /** Runs it, waits for a line of progress, lets `then` happen, and waits for its end. */
  readonly cliInterrupted: (
    args: readonly string[],
    line: RegExp,
    then: () => Promise<unknown>,
  ) => Promise<CliResult>;
}

const PROGRESS = /^[\w-]+: .* \(\d+ s\)\n/gm;

/**
 * Runs a package's command line in child processes.
 *
 * @param manifest path of its package.json, resolved where the spec stands
 * @param here folder in which all drivers are found
 */
export function builtCli(manifest: string, here: string): BuiltCli {
  const bin = join(dirname(manifest), 'dist/esm/cli/main.js');
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };

  const cli: BuiltCli['cli'] = (args, { cwd = here, env } = {}) =>
    new Promise((done) => {
      // Without NODE_PATH, by which a test runner started by pnpm finds packages everywhere.
      const settings = { cwd, env: { ...process.env, NODE_PATH: '', ...env }, timeout: 60_000 };
      const child = execFile(process.execPath, [bin, ...args], settings, (_, stdout, stderr) =>
        done({ exit: child.exitCode, stdout, stderr }),
      );
    });

  const cliJson: BuiltCli['cliJson'] = async (args, options) => {
    const { exit, stdout, stderr } = await cli([...args, '--json'], options);
    const parsed = (text: string): unknown => (text === '' ? undefined : JSON.parse(text));
    // On a busy machine anything may take long enough to be told of.
    return { exit, answer: parsed(stdout), error: parsed(stderr.replace(PROGRESS, '')) };
  };

  const cliInterrupted: BuiltCli['cliInterrupted'] = async (args, line, then) => {
    const child = spawn(process.execPath, [bin, ...args], { cwd: here, timeout: 60_000 });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const ended = new Promise<number | null>((done) => child.once('close', done));
    await waitFor(() => line.test(stderr) || child.exitCode !== null);
    await then();
    return { exit: await ended, stdout, stderr };
  };

  return { version, cli, cliJson, cliInterrupted };
}
