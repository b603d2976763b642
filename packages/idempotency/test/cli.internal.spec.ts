import { explain, helpOf, overview, run } from '@acme/nest-message-context/cli';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../src/cli/commands/index.js';
import { PROGRAM } from '../src/cli/program.js';
import { recordId } from '../src/cli/record-id.js';
import { recordIdOf } from '../src/core/identity.js';

const ID = 'ab'.repeat(32);

describe('wrong usage', () => {
  it.each([
    [[], /migrate .*\n.*status/],
    [['destroy'], /There is no command "destroy"/],
    [['status'], /--url .* or --config/],
    [['status', '--url', 'redis://h', '--config', 'x.mjs'], /in one way/],
    [['status', '--url', 'mongodb://h'], /mongodb:\/\/ is not known/],
    [['status', '--url', 'redis://h', '--limit', '3'], /status has no option --limit/],
    [['status', '--url', 'redis://h', '--schema', 's'], /--schema says nothing to this store/],
    [['status', '--url', 'postgres://h', '--prefix', 'p'], /--prefix says nothing/],
    [
      ['status', '--url', 'postgres://h', '--schema', 'No Such'],
      /schema: "No Such" cannot be used/,
    ],
    [['inspect', '--url', 'redis://h'], /--namespace and --name and --key are missing/],
    [['forget', '--url', 'redis://h', '--id', '12'], /64 hexadecimal digits/],
    [['purge', '--url', 'redis://h', '--limit', '0'], /--limit: give a whole number/],
    [['status', '--urll', 'redis://h'], /no option --urll\. Is --url meant\?/],
    [['status', '--what', 'x'], /no option --what\. nest-idempotency --help/],
    [['sql'], /--dialect postgres or mariadb, --url or --config/],
    [['sql', '--url', 'redis://h'], /no tables/],
    [['sql', '--dialect', 'redis'], /There are postgres/],
  ])('is told before any store is asked: %j', async (args, message) => {
    const text = await ran(args);
    expect(text).toEqual({ exit: 2, out: '', err: expect.stringMatching(message) as string });
    expect(text.err).toMatch(/[^\n]\n$/);
    const { err, ...json } = await ran([...args, '--json']);
    expect(json).toEqual({ exit: 2, out: '' });
    const { error } = JSON.parse(err) as { error: { code: string; message: string } };
    expect(error.code).toMatch(/^(USAGE|IDEMPOTENCY_CONFIGURATION)$/);
    expect(error.message).toMatch(message);
  });

  it('is not to ask for help', async () => {
    for (const args of [['--help'], ['-h'], ['migrate', '--help']]) {
      expect(await ran(args)).toMatchObject({ exit: 0, err: '' });
      expect(JSON.parse((await ran([...args, '--json'])).out)).toBeTypeOf('object');
    }
  });
});

describe('which record is meant', () => {
  const scope = { namespace: 'billing', name: 'billing.charge', key: 'k-1' };

  it('is what the service would look for', () => {
    expect(recordId(scope, undefined)).toBe(recordIdOf({ ...scope, principal: undefined }));
    expect(recordId({ ...scope, principal: 'ann' }, undefined)).toBe(
      recordIdOf({ ...scope, principal: 'ann' }),
    );
    const { namespace, ...rest } = scope;
    expect(recordId(rest, namespace)).toBe(recordId(scope, 'another'));
    expect(recordId({ id: ID.toUpperCase() }, undefined)).toBe(ID);
  });

  it.each([
    [{}, /--namespace and --name and --key are missing/],
    [{ namespace: 'n', name: 'a' }, /--key is missing/],
    [{ ...scope, key: 'x'.repeat(256) }, /256 characters/],
    [{ ...scope, key: ' ' }, /blank/],
    [{ id: 'abc' }, /64 hexadecimal digits/],
    [{ id: ID, key: 'k' }, /Leave --key out/],
  ])('refuses %j', (values, message) => {
    expect(() => recordId(values, undefined)).toThrow(message);
  });
});

describe('texts', () => {
  it('of help name every command, every option and every exit code, within the width of a page', () => {
    const helps = Object.entries(COMMANDS).map(
      ([name, command]) => [helpOf(PROGRAM, name, command), command] as const,
    );
    for (const name of Object.keys(COMMANDS)) expect(overview(PROGRAM)).toContain(`\n  ${name} `);
    for (const [help, { options }] of helps) {
      for (const option of options) expect(help).toContain(`--${option}`);
      expect(help).toMatch(/0 {2}done[^]*1 {2}failed[^]*2 {2}wrong usage[^]*3 {2}nothing there/);
      expect(Math.max(...help.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120);
    }
  });

  it('of a cluster that was taken for one server say what to do', () => {
    const error = new Error('MOVED 3999 127.0.0.1:6381');
    expect(PROGRAM.explain?.(error) ?? explain(error)).toMatchObject({
      exit: 1,
      message: expect.stringMatching(/Redis Cluster.*--config/) as string,
    });
  });
});

async function ran(argv: readonly string[]): Promise<{ exit: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const exit = await run(PROGRAM, argv, {
    cwd: process.cwd(),
    out: (text) => void (out += text),
    err: (text) => void (err += text),
  });
  return { exit, out, err };
}
