import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  CliError,
  COMMON_OPTIONS,
  counted,
  countOf,
  dialectOf,
  durationOf,
  EXIT,
  explain,
  helpOf,
  lines,
  main,
  mapTexts,
  overview,
  run,
  schemeOf,
  short,
  sourceOf,
  timeOf,
  type CommonValues,
  type OptionTexts,
  type Program,
} from '@acme/nest-message-context/cli';
import { durationText, table } from '@acme/nest-message-context/kit';
import { parse } from '../../src/cli/options.js';
import { hidingSecretsOf } from '../../src/cli/secrets.js';

const OPTIONS = {
  url: { type: 'string', value: 'URL', secret: true, help: 'where' },
  key: { type: 'string', value: 'TEXT', help: 'which' },
  id: { type: 'string', value: 'ID', multiple: true, help: 'these' },
  ...COMMON_OPTIONS,
} as const satisfies OptionTexts;

const parsed = (argv: readonly string[]) => parse('tool', OPTIONS, argv);

describe('parsing', () => {
  it('takes options in any place, and both forms of a value', () => {
    expect(parsed(['--json', 'status', '--url=redis://h', '--key', 'p:'])).toEqual({
      words: ['status'],
      values: { json: true, url: 'redis://h', key: 'p:' },
    });
    expect(parsed(['-h'])).toEqual({ words: [], values: { help: true } });
    expect(parsed(['inspect', '--key=-1']).values['key']).toBe('-1');
    expect(parsed(['x', '--id', 'a', '--id', 'b']).values['id']).toEqual(['a', 'b']);
  });

  it.each([
    [['status', '--nope'], /--nope\. tool --help/],
    [['status', '--urll', 'x'], /--urll\. Is --url meant\?/],
    [['status', '--url'], /--url/],
    [['status', '--json=yes'], /--json/],
    [['inspect', '--key', 'a', '--key', 'b'], /--key was given twice/],
  ])('refuses %j', (argv, message) => {
    expect(explain(thrownBy(() => parsed(argv)))).toEqual({
      exit: 2,
      code: 'USAGE',
      message: expect.stringMatching(message) as string,
    });
  });
});

describe('a run', () => {
  type Values = CommonValues & { readonly url?: string };
  interface Store {
    close(): Promise<void>;
  }
  const programOf = (more: Partial<Program<Values, Store>> = {}): Program<Values, Store> => ({
    name: 'tool',
    about: 'A tool.',
    nothing: 'none',
    options: OPTIONS,
    version: () => '1.2.3',
    commands: {
      look: {
        summary: 'Looks',
        details: 'Long.',
        options: ['url'],
        async run({ ready, hide, values }) {
          await ready();
          return { exit: EXIT.done, json: { seen: 1 }, text: hide(`seen ${values.url}`) };
        },
      },
      'desk tidy': {
        summary: 'Tidies',
        details: 'Long.',
        operands: ['DRAWER'],
        options: [],
        async run({ operands, out }) {
          await out(`${operands.join()}\n`);
          return { exit: EXIT.done, json: { tidied: 1 }, text: 'tidied', isAside: true };
        },
      },
    },
    open: async () => ({ close: async () => {} }),
    assertReady: async () => {},
    ...more,
  });
  const ran = async (argv: readonly string[], program = programOf()) => {
    let [out, err] = ['', ''];
    const exit = await run(program, argv, {
      cwd: process.cwd(),
      out: (text) => void (out += text),
      err: (text) => void (err += text),
    });
    return { exit, out, err };
  };

  it('answers as text or as one object, with its secrets hidden', async () => {
    const url = 'postgres://ann:s3cret@h/db';
    const text = await ran(['look', '--url', url]);
    expect(text).toEqual({ exit: 0, out: 'seen ***\n', err: '' });
    const json = await ran(['look', '--url', url, '--json']);
    expect(json).toEqual({ exit: 0, out: '{"seen":1}\n', err: '' });
  });

  it('ends with what the error says, as text or as one object, with its secrets hidden', async () => {
    const fails = programOf({
      open: () => Promise.reject(new CliError(EXIT.nothing, 'NOT_YET', 'no s3cret here')),
    });
    const args = ['look', '--url', 'postgres://ann:s3cret@h/db'];
    expect(await ran(args, fails)).toEqual({ exit: 3, out: '', err: 'no *** here\n' });
    const { err } = await ran([...args, '--json'], fails);
    expect(JSON.parse(err)).toEqual({ error: { code: 'NOT_YET', message: 'no *** here' } });
  });

  it('hides the secrets of each URL where there may be several', async () => {
    const fails = programOf({
      options: { ...OPTIONS, url: { ...OPTIONS.url, multiple: true } },
      open: () => Promise.reject(new CliError(EXIT.failed, 'NO', 'neither s3cret nor h1dden')),
    });
    const args = ['look', '--url', 'redis://:s3cret@a', '--url', 'redis://:h1dden@b'];
    expect(await ran(args, fails)).toMatchObject({ exit: 1, err: 'neither *** nor ***\n' });
  });

  it('closes what it has opened, also when the command fails', async () => {
    let closed = 0;
    const program = programOf({
      open: async () => ({ close: async () => void (closed += 1) }),
      assertReady: () => Promise.reject(new CliError(EXIT.nothing, 'NOT_READY', 'no tables')),
    });
    expect(await ran(['look'], program)).toMatchObject({ exit: 3, err: 'no tables\n' });
    expect(closed).toBe(1);
  });

  it('tells what was done although it could not be closed', async () => {
    const program = programOf({
      open: async () => ({ close: () => Promise.reject(new Error('x')) }),
    });
    expect(await ran(['look'], program)).toMatchObject({
      exit: 0,
      err: 'tool: the store could not be closed: x\n',
    });
  });

  it('has commands of two words, done to something, that write by themselves', async () => {
    expect(await ran(['desk', 'tidy', 'top'])).toEqual({ exit: 0, out: 'top\n', err: 'tidied\n' });
    expect(await ran(['desk', 'tidy', 'top', '--json'])).toMatchObject({ err: '{"tidied":1}\n' });
    const { out } = await ran(['desk', 'tidy', '--help']);
    expect(out).toContain('tool desk tidy DRAWER [options]');
    expect((await ran(['desk', '--help'])).out).toContain('A tool.');
  });

  it('calls what it works on by its name', async () => {
    const refused = Object.assign(new Error('x'), { code: 'ECONNREFUSED' });
    const program = programOf({ place: 'broker', open: () => Promise.reject(refused) });
    expect((await ran(['look'], program)).err).toMatch(/^The broker cannot be reached \(x\)/);
    expect((await ran(['look', '--help'], program)).out).toContain('the broker could not be asked');
  });

  it('explains what the program knows better', async () => {
    const program = programOf({
      open: () => Promise.reject(new Error('E1')),
      explain: (error) => ({ exit: 2, code: 'OWN', message: `own ${(error as Error).message}` }),
    });
    expect(await ran(['look'], program)).toEqual({ exit: 2, out: '', err: 'own E1\n' });
  });

  it.each([
    [[], 2, /A tool\.[^]*look {7}Looks[^]*3 {2}nothing there: none/],
    [['nope'], 2, /There is no command "nope"\. There are look, desk tidy: tool --help/],
    [['look', '--key', 'a'], 2, /look has no option --key: tool look --help/],
    [
      ['look', 'k-1'],
      2,
      /"k-1" means nothing after "look"\. Values belong to options: --url "k-1"/,
    ],
    [['desk'], 2, /A tool\.[^]*desk tidy {2}Tidies/],
    [['desk', 'nope'], 2, /There is no command "desk nope"\. There are look, desk tidy/],
    [['desk', 'tidy'], 2, /desk tidy wants DRAWER\. Write: tool desk tidy DRAWER \[options\]/],
    [
      ['desk', 'tidy', 'a', 'b'],
      2,
      /"b" means nothing after DRAWER\. Write: tool desk tidy DRAWER/,
    ],
  ])('refuses %j', async (argv, exit, message) => {
    expect(await ran(argv)).toEqual({
      exit,
      out: '',
      err: expect.stringMatching(message) as string,
    });
  });

  it('helps', async () => {
    expect(await ran(['look', '-h'])).toMatchObject({
      exit: 0,
      out: expect.stringMatching(/--url URL {2}where[^]*Long\./) as string,
    });
    expect((await ran(['--version'])).out).toBe('1.2.3\n');
    const program = programOf();
    expect(await ran(['--help'])).toEqual({ exit: 0, out: `${overview(program)}\n`, err: '' });
    const help = helpOf(program, 'look', program.commands['look']!);
    expect(await ran(['look', '--help', '--json'])).toEqual({
      exit: 0,
      out: `${JSON.stringify({ help })}\n`,
      err: '',
    });
  });

  it('names what it works on, and what may go wrong with it', async () => {
    const program = programOf({ source: '--module FILE', failed: 'it could not be loaded' });
    const { out } = await ran(['--help'], program);
    expect(out).toContain('<command> --module FILE [options]');
    expect(out).toContain('1  failed: it could not be loaded');
  });

  describe('as a process', () => {
    const { argv, exitCode } = process;
    afterEach(() => {
      vi.restoreAllMocks();
      vi.useRealTimers();
      [process.argv, process.exitCode] = [argv, exitCode];
    });

    it('sets the exit code, and ends only what something keeps alive', async () => {
      vi.useFakeTimers();
      const written = { out: '', err: '' };
      vi.spyOn(process.stdout, 'write').mockImplementation((text) => !!(written.out += text));
      vi.spyOn(process.stderr, 'write').mockImplementation((text) => !!(written.err += text));
      process.argv = ['node', 'tool', 'look', '--key', 'a'];
      const exit = vi.fn<() => void>();
      await main(programOf({ opener: 'the application' }), exit);
      expect(process.exitCode).toBe(2);
      expect(written).toEqual({
        out: '',
        err: expect.stringContaining('no option --key') as string,
      });
      expect(exit).not.toHaveBeenCalled();
      vi.advanceTimersByTime(2_000);
      expect(exit).toHaveBeenCalledTimes(1);
      expect(written.err).toMatch(
        /tool is done, and something that the application opened is still open/,
      );
    });
  });
});

describe('which store is meant', () => {
  const [sql, none] = [{ options: ['schema'], unconnected: true }, { options: [] }];
  const schemes = { postgres: sql, postgresql: sql, redis: none };

  it('is told by the scheme', () => {
    expect(schemeOf(schemes, 'postgresql://h/db')).toBe(schemeOf(schemes, 'POSTGRES://h/db'));
    expect(dialectOf(schemes, 'postgres')).toBe(sql);
    expect(sourceOf({ url: 'redis://h' }, schemes, ['schema'])).toBe(none);
    expect(sourceOf({ config: 'x.mjs' }, schemes, ['schema'])).toBeUndefined();
  });

  it.each(['mongodb://h', 'localhost:5432', 'constructor://h', ''])('refuses %j', (url) => {
    expect(() => schemeOf(schemes, url)).toThrow(/^--url: .*postgres:\/\/.*redis:\/\/.*--config/);
  });

  it.each(['redis', 'toString', ''])('has no SQL for %j', (dialect) => {
    expect(() => dialectOf(schemes, dialect)).toThrow(/--dialect: .* There are postgres\./);
  });

  it.each([
    [{}, /in one way: --url postgres:\/\/, postgresql:\/\/, redis:\/\/…, or --config/],
    [{ url: 'redis://h', config: 'x' }, /in one way/],
    [{ url: 'redis://h', schema: 's' }, /--schema says nothing to this store/],
    [{ config: 'x.mjs', schema: 's' }, /--schema goes with --url/],
  ])('must be clear: %j', (values, message) => {
    expect(() => sourceOf(values, schemes, ['schema'])).toThrow(message);
  });
});

describe('secrets', () => {
  it('of several URLs are not told, the longer ones first', () => {
    const hide = hidingSecretsOf(['amqp://a:s3cret@h', 'postgres://a:s3cret-and-more@h']);
    expect(hide('s3cret-and-more and s3cret')).toBe('*** and ***');
  });

  it('takes nothing else out', () => {
    const text = 'connect ECONNREFUSED 127.0.0.1:5432 at postgres://h/db';
    expect(hidingSecretsOf(['postgres://a:b@h/db'])(text)).toBe(text);
  });
});

describe('texts', () => {
  it('are for people', () => {
    expect([400, 61_000, 5_400_000, 300_000_000].map(durationText)).toEqual([
      '0.4 s',
      '1 min',
      '1.5 h',
      '3.4 d',
    ]);
    expect([counted(1, 'record'), counted(2, 'record')]).toEqual(['1 record', '2 records']);
    expect(lines({ a: 1, long: 'x', none: undefined })).toBe('a     1\nlong  x');
  });

  it('are in tables, and short', () => {
    expect(
      table([
        ['a', 'head'],
        ['long', 'x'],
        ['b', ''],
      ]),
    ).toBe('a     head\nlong  x\nb');
    expect(short('one\n two\u0007three', 9)).toBe('one two …');
    expect(short('short', 9)).toBe('short');
  });

  it('are changed wherever they stand', () => {
    const upper = (text: string) => text.toUpperCase();
    expect(mapTexts({ a: ['x', { b: 'y', n: 1, none: null }] }, upper)).toEqual({
      a: ['X', { b: 'Y', n: 1, none: null }],
    });
  });
});

describe('a time', () => {
  const now = Date.UTC(2026, 1, 28, 12);
  it.each([
    ['2026-02-28T11:00:00Z', now - 3_600_000],
    ['2026-02-28T20:00+09:00', now - 3_600_000],
    ['2026-02-28', now - 43_200_000],
    [String(now), now],
    ['2h', now - 7_200_000],
    ['2h ago', now - 7_200_000],
    [undefined, undefined],
  ])('may be %s', (text, time) => {
    expect(timeOf('from', text, now)).toBe(time);
  });

  it.each(['', '2026-13-01', 'now', '-1h', '2026-02-28 12:00'])('is not %j', (text) => {
    expect(() => timeOf('from', text, now)).toThrow(/--from: .* is no time/);
  });
});

it('counts and durations are whole and positive', () => {
  expect([countOf('limit', '12', 20), countOf('limit', undefined, 20)]).toEqual([12, undefined]);
  for (const text of ['0', '21', '1.5', '-1', 'x', ''])
    expect(() => countOf('limit', text, 20)).toThrow(/--limit: give a whole number from 1 to 20/);
  expect([durationOf('age', '15m'), durationOf('age', undefined)]).toEqual([900_000, undefined]);
  for (const text of ['0s', 'soon', ''])
    expect(() => durationOf('age', text)).toThrow(/--age: .* is no duration/);
});

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('It threw nothing.');
}
