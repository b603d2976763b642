import { waitFor } from '@acme/internal-testing';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { processesUnder } from './support/processes.js';

const program = fileURLToPath(new URL('../bin/with-services.mjs', import.meta.url));
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'with-services-'));
  chmodSync(folder, 0o1777);
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

interface Run {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly exit: Promise<number | null>;
}

/** In a process group of its own, as a terminal would run it, and without a Docker engine. */
function run(...args: string[]): Run {
  const env = { ...process.env, TMPDIR: folder, DOCKER_HOST: 'tcp://127.0.0.1:1' };
  delete (env as NodeJS.ProcessEnv)['REDIS_URL'];
  const child = spawn(process.execPath, [program, ...args], {
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const exit = once(child, 'close').then(([code]: (number | null)[]) => code ?? null);
  return { child, output: () => output, exit };
}

const nothingIsLeft = (): void => {
  expect(processesUnder(folder)).toEqual([]);
  expect(readdirSync(folder)).toEqual([]);
};

test('the command gets the addresses, and its exit code is ours', async () => {
  const script = 'console.log("got", process.env.REDIS_URL); process.exitCode = 7';
  const { output, exit } = run('--need', 'redis', '--', process.execPath, '-e', script);
  await expect(exit).resolves.toBe(7);
  expect(output()).toMatch(/^Redis: .*\ngot redis:\/\/127\.0\.0\.1:\d+\n$/);
  nothingIsLeft();
});

test.each([
  ['SIGINT', 'to the whole group, as Ctrl-C does', -1],
  ['SIGTERM', 'to us alone, as a supervisor does', 1],
] as const)('%s %s ends the command and the servers', async (signal, _how, direction) => {
  const { child, output, exit } = run('--need', 'redis', '--', 'sh', '-c', 'echo ready; sleep 60');
  await waitFor(() => output().includes('ready'), { deadlineMs: 30_000 });
  process.kill((child.pid as number) * direction, signal);
  await expect(exit).resolves.toBe(130);
  nothingIsLeft();
});

test('a command that does not exist, no command, an unknown service', async () => {
  const missing = run('--need', 'redis', '--', 'no-such-command');
  await expect(missing.exit).resolves.toBe(127);
  expect(missing.output()).toContain('no-such-command: spawn no-such-command ENOENT');

  const usage = run('--need', 'redis');
  await expect(usage.exit).resolves.toBe(2);
  expect(usage.output()).toMatch(/^Usage: /);

  const separator = run('--need', 'redis', 'no-such-command');
  await expect(separator.exit).resolves.toBe(2);
  expect(separator.output()).toMatch(/^Unexpected argument 'no-such-command'.*\nUsage: .* -- /);

  const unknown = run('--need', 'redis,oracle', '--', 'true');
  await expect(unknown.exit).resolves.toBe(1);
  expect(unknown.output()).toBe(
    'There is no service "oracle". There are: postgres, rabbitmq, redis, mariadb.\n',
  );
  nothingIsLeft();
});

test('where nothing is built yet it says what to do', () => {
  mkdirSync(join(folder, 'bin'));
  const copy = join(folder, 'bin', 'with-services.mjs');
  copyFileSync(program, copy);
  const { status, stderr } = spawnSync(process.execPath, [copy, '--', 'true'], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('The packages are not built: npm run build, at the top of the repository.\n');
  expect(status).toBe(1);
});
