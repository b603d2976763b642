import { describe, expect, it } from 'vitest';
import { explain } from '../src/cli/cli.errors.js';
import { COMMANDS } from '../src/cli/commands/index.js';
import { helpOf, overview } from '../src/cli/help.js';
import { parse } from '../src/cli/options.js';
import { recordId } from '../src/cli/record-id.js';
import { run } from '../src/cli/run.js';
import { hidingSecretsOf } from '../src/cli/secrets.js';
import { dialectOf, schemeOf } from '../src/cli/stores/schemes.js';
import { duration, lines, records } from '../src/cli/text.js';
import { recordIdOf } from '../src/core/identity.js';

const ID = 'ab'.repeat(32);

describe('parsing', () => {
  it('takes options in any place, and both forms of a value', () => {
    expect(parse(['--json', 'status', '--url=redis://h', '--prefix', 'p:'])).toEqual({
      command: 'status',
      values: { json: true, url: 'redis://h', prefix: 'p:' },
    });
    expect(parse(['-h'])).toEqual({ command: undefined, values: { help: true } });
    expect(parse(['inspect', '--key=-1']).values.key).toBe('-1');
  });

  it.each([
    [['status', '--nope'], /--nope/],
    [['status', '--url'], /--url/],
    [['status', '--json=yes'], /--json/],
    [['inspect', '--key', 'a', '--key', 'b'], /--key was given twice/],
    [['inspect', 'k-1'], /"k-1" means nothing after "inspect"/],
  ])('refuses %j', (argv, message) => {
    expect(explain(thrownBy(() => parse(argv)))).toEqual({
      exit: 2,
      code: 'USAGE',
      message: expect.stringMatching(message) as string,
    });
  });
});

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

describe('which store is meant', () => {
  it('is told by the scheme', () => {
    expect(schemeOf('postgresql://h/db')).toBe(schemeOf('POSTGRES://h/db'));
    expect(schemeOf('rediss://h')).toBe(schemeOf('redis://h'));
    expect(dialectOf('postgres')).toBe(schemeOf('postgres://'));
  });

  it.each(['mongodb://h', 'localhost:5432', 'constructor://h', ''])('refuses %j', (url) => {
    expect(() => schemeOf(url)).toThrow(/^--url: .*postgres:\/\/.*redis:\/\/.*--config/);
  });

  it.each(['redis', 'toString', ''])('has no SQL for %j', (dialect) => {
    expect(() => dialectOf(dialect)).toThrow(/--dialect: .* There are postgres/);
  });
});

describe('secrets', () => {
  it.each([
    ['postgres://ann:s3cr%40t@h/db', 'cannot reach postgres://ann:s3cr%40t@h/db'],
    ['postgres://ann:s3cr%40t@h/db', 'password s3cr@t is wrong, also as s3cr%40t'],
    ['postgres://h/db?user=ann&password=s3cret', 'connect to h/db?user=ann&password=s3cret failed'],
    ['redis://:s3cr/et@h', 'Invalid URL: redis://:s3cr/et@h'],
    [undefined, 'There is no command "redis://:s3cret@h".'],
    [undefined, 'https://h/?a=1&PASSWORD=s3cret'],
  ])('of %s are not told', (url, text) => {
    expect(hidingSecretsOf(url)(text)).not.toMatch(/s3cr|%40t/);
  });

  it('takes nothing else out', () => {
    const text = 'connect ECONNREFUSED 127.0.0.1:5432 at postgres://h/db';
    expect(hidingSecretsOf('postgres://a:b@h/db')(text)).toBe(text);
  });
});

describe('texts', () => {
  it('are for people', () => {
    expect([400, 61_000, 5_400_000, 300_000_000].map(duration)).toEqual([
      '0.4 s',
      '1 min',
      '1.5 h',
      '3.4 d',
    ]);
    expect([records(1), records(2)]).toEqual(['1 record', '2 records']);
    expect(lines({ a: 1, long: 'x', none: undefined })).toBe('a     1\nlong  x');
  });

  it('of help name every command, every option and every exit code, within the width of a page', () => {
    const helps = Object.entries(COMMANDS).map(
      ([name, command]) => [helpOf(name, command), command] as const,
    );
    for (const name of Object.keys(COMMANDS)) expect(overview()).toContain(`\n  ${name} `);
    for (const [help, { options }] of helps) {
      for (const option of options) expect(help).toContain(`--${option}`);
      expect(help).toMatch(/0 {2}done[^]*1 {2}failed[^]*2 {2}wrong usage[^]*3 {2}nothing there/);
      expect(Math.max(...help.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120);
    }
  });

  it('of a cluster that was taken for one server say what to do', () => {
    expect(explain(new Error('MOVED 3999 127.0.0.1:6381'))).toMatchObject({
      exit: 1,
      message: expect.stringMatching(/Redis Cluster.*--config/) as string,
    });
  });
});

async function ran(argv: readonly string[]): Promise<{ exit: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const exit = await run(argv, {
    cwd: process.cwd(),
    out: (text) => void (out += text),
    err: (text) => void (err += text),
  });
  return { exit, out, err };
}

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('It threw nothing.');
}
