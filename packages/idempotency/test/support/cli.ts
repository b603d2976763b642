import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitFor } from '@acme/internal-testing';

/** The built package, also where this file is a copy in another project. */
const MANIFEST = createRequire(import.meta.url).resolve('@acme/nest-idempotency/package.json');
const BIN = join(dirname(MANIFEST), 'dist/esm/cli/main.js');
const HERE = fileURLToPath(new URL('.', import.meta.url));

export const { version } = JSON.parse(readFileSync(MANIFEST, 'utf8')) as { version: string };

export interface CliResult {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  /** Where it runs, and looks for drivers. @default here, where all drivers are found */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs the built program to its end; it must come by itself. */
export const cli = (args: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
  new Promise((done) => {
    const { cwd = HERE, env } = options;
    // Without NODE_PATH, by which a test runner started by pnpm finds packages everywhere.
    const settings = { cwd, env: { ...process.env, NODE_PATH: '', ...env }, timeout: 60_000 };
    const child = execFile(process.execPath, [BIN, ...args], settings, (_, stdout, stderr) =>
      done({ exit: child.exitCode, stdout, stderr }),
    );
  });

/** What it answers with `--json`, and what it ends with. */
export async function cliJson(
  args: readonly string[],
  options?: CliOptions,
): Promise<{ exit: number | null; answer: unknown; error: unknown }> {
  const { exit, stdout, stderr } = await cli([...args, '--json'], options);
  const parsed = (text: string): unknown => (text === '' ? undefined : JSON.parse(text));
  return { exit, answer: parsed(stdout), error: parsed(stderr) };
}

/** Runs it, waits for a line of progress, lets `then` happen, and waits for its end. */
export async function cliInterrupted(
  args: readonly string[],
  line: RegExp,
  then: () => Promise<unknown>,
): Promise<CliResult> {
  const child = spawn(process.execPath, [BIN, ...args], { cwd: HERE, timeout: 60_000 });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<number | null>((done) => child.once('close', done));
  await waitFor(() => line.test(stderr) || child.exitCode !== null);
  await then();
  return { exit: await ended, stdout, stderr };
}
