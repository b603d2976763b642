import { helpOf, overview, run } from '@acme/nest-message-context/cli';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../src/cli/commands/index.js';
import { PROGRAM } from '../src/cli/program.js';
import { judgeTables } from '../src/doctor/tables.js';

describe('wrong usage', () => {
  const url = ['--url', 'postgres://h'];
  it.each([
    [[], /migrate .*\n.*status/],
    [['destroy'], /There is no command "destroy"/],
    [['status'], /--url postgres:\/\/.*, or --config/],
    [['status', '--url', 'redis://h'], /redis:\/\/ is not known/],
    [['status', ...url, '--key', '3'], /status has no option --key/],
    [['status', ...url, '--schema', 'No Such'], /store\.schema: "No Such" is not a plain SQL name/],
    [['migrate', ...url, '--lanes', '0'], /--lanes: give a whole number from 1 to 1024/],
    [['sql', '--dialect', 'postgres', '--lanes', 'x'], /--lanes/],
    [['sql', '--dialect', 'oracle'], /There are postgres/],
    [['parked', ...url, '--limit', 'all'], /--limit: give a whole number/],
    [['parked', ...url, '--key', 'a', '--key', 'b'], /--key was given twice/],
    [['discard', ...url], /or --all of them/],
    [['replay', ...url], /or --all of them/],
    [['replay', ...url, '--all', '--key', 'k'], /or --all of them/],
    [['replay', ...url, '--from', 'yesterday'], /--from: "yesterday" is no time/],
    [['replay', ...url, '--from', '2026-02-28T12:00:00'], /is no time/],
    [['replay', ...url, '--from', '1767225600'], /a moment in 1970.* not seconds/],
    [['replay', ...url, '--from', '1h', '--to', '2h'], /--from is not before --to/],
    [['doctor', ...url, '--max-age', '0s'], /--max-age: "0s" is no duration/],
    [['doctor', ...url, '--retention', 'week'], /--retention: "week" is no duration/],
    [['doctor', ...url, '--amqp', 'h:5672'], /--amqp: this is no URL of a broker/],
  ])('is told before any store is asked: %j', async (args, message) => {
    const text = await ran(args);
    expect(text).toEqual({ exit: 2, out: '', err: expect.stringMatching(message) as string });
    const { err, ...json } = await ran([...args, '--json']);
    expect(json).toEqual({ exit: 2, out: '' });
    const { error } = JSON.parse(err) as { error: { code: string; message: string } };
    expect(error.code).toMatch(/^(USAGE|OUTBOX_CONFIGURATION)$/);
    expect(error.message).toMatch(message);
  });
});

describe('tables', () => {
  it.each([
    [{ found: 0, needed: 2 }, 'TABLES_MISSING', 'error'],
    [{ found: 1, needed: 2 }, 'TABLES_OUTDATED', 'error'],
    [{ found: 3, needed: 2 }, 'TABLES_NEWER', 'warning'],
  ])('at %j are %s', (version, code, severity) => {
    expect(judgeTables(version)).toMatchObject([{ code, severity, detail: version }]);
  });

  it('of the right version are nothing to tell of', () => {
    expect(judgeTables({ found: 2, needed: 2 })).toEqual([]);
  });
});

describe('texts', () => {
  it('of help name every command and every option, within the width of a page', () => {
    for (const [name, command] of Object.entries(COMMANDS)) {
      expect(overview(PROGRAM)).toContain(`\n  ${name} `);
      const help = helpOf(PROGRAM, name, command);
      for (const option of command.options) expect(help).toContain(`--${option}`);
      expect(Math.max(...help.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120);
    }
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
