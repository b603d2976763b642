import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { isRunning } from './support/processes.js';

interface FileResult {
  readonly name: string;
  readonly status: 'passed' | 'failed';
  readonly message: string;
  readonly assertionResults: readonly { readonly status: string }[];
}

const root = dirname(createRequire(import.meta.url).resolve('@acme/internal-testing/package.json'));
let results: FileResult[];

function runFixtures(
  env: Record<string, string> = {},
  files: string[] = [],
): Promise<FileResult[]> {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const config = fileURLToPath(new URL('./leaks/vitest.config.mts', import.meta.url));
  // The inner Vitest must not take the outer one's variables for its own.
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST'));
  return new Promise((done, fail) => {
    execFile(
      process.execPath,
      [vitest, 'run', '--config', config, '--reporter=json', '--maxWorkers=6', ...files],
      { cwd: root, env: { ...Object.fromEntries(own), ...env }, maxBuffer: 1e7 },
      (error, stdout, stderr) => {
        // It exits with 1, since files fail; anything else is no result.
        if (error && error.code !== 1) return fail(new Error(stderr, { cause: error }));
        done((JSON.parse(stdout) as { testResults: FileResult[] }).testResults);
      },
    );
  });
}

const resultOf = (name: string) => results.find((one) => one.name.endsWith(`/${name}.fixture.ts`));

beforeAll(async () => {
  results = await runFixtures();
}, 60_000);

test('a spec file that closes everything passes', () => {
  expect(resultOf('clean')).toMatchObject({ status: 'passed', message: '' });
});

test.each([
  ['timer', /1 × Timeout/],
  ['server', /1 × TCPServerWrap\s+- server on .*127\.0\.0\.1/],
  ['socket', /1 × TCPSocketWrap\s+- socket :\d+ to 127\.0\.0\.1:\d+/],
  ['process', /1 × ProcessWrap[^]*child process \d+: sleep 30/],
  ['detached-process', /child process \d+: sleep 30/],
])('a spec file that leaves a %s fails and says so, though its tests passed', (name, message) => {
  const result = resultOf(name);
  expect(result?.status).toBe('failed');
  expect(result?.message).toMatch(message);
  expect(result?.assertionResults.map(({ status }) => status)).toEqual(['passed']);
});

test('a process that leaked is ended', () => {
  const pids = results.flatMap(({ message }) =>
    [...message.matchAll(/child process (\d+)/g)].map(([, pid]) => Number(pid)),
  );
  expect(pids).toHaveLength(2);
  expect(pids.filter(isRunning)).toEqual([]);
});

test('TRACE_LEAKS tells where it was created', { timeout: 60_000 }, async () => {
  const [result] = await runFixtures({ TRACE_LEAKS: '1' }, ['timer']);
  expect(result?.message).toMatch(/Timeout created\s+at .*timer\.fixture\.ts:4:\d+/);
});
