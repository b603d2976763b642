import { helpOf, overview, run } from '@acme/nest-message-context/cli';
import { InterruptedError, QueueUnavailableError } from '@acme/nest-rabbitmq';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands/index.js';
import { interruptibly } from '../../src/cli/interruption.js';
import { PROGRAM } from '../../src/cli/program.js';
import { endText } from '../../src/cli/shown.js';

async function ran(argv: readonly string[]): Promise<{ exit: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const exit = await run(PROGRAM, argv, {
    cwd: import.meta.dirname,
    out: (text) => void (out += text),
    err: (text) => void (err += text),
  });
  return { exit, out, err };
}

describe('wrong usage', () => {
  const url = ['--url', 'amqp://h'];
  it.each([
    [[], /dlq ls .*\n.*dlq peek/],
    [['dlq'], /dlq ls .*\n.*dlq peek/],
    [['dlq', 'destroy', 'q'], /There is no command "dlq destroy"/],
    [['dlq', 'ls'], /dlq ls wants QUEUE/],
    [['dlq', 'ls', 'q', 'r', ...url], /"r" means nothing after QUEUE/],
    [
      ['dlq', 'ls', 'q'],
      /Say where the broker is, in one way: --url amqp:\/\/, amqps:\/\/…, or --config/,
    ],
    [['dlq', 'ls', 'q', '--url', 'http://h'], /http:\/\/ is not known/],
    [['dlq', 'ls', 'q', ...url, '--url', 'http://h'], /http:\/\/ is not known/],
    [['dlq', 'ls', 'q', ...url, '--limit', 'all'], /--limit: give a whole number/],
    [['dlq', 'ls', 'q', ...url, '--scan', '0'], /--scan: give a whole number/],
    [['dlq', 'ls', 'q', ...url, '--rate', '5'], /dlq ls has no option --rate/],
    [
      ['dlq', 'ls', 'q', ...url, '--failed-from', 'yesterday'],
      /--failed-from: "yesterday" is no time/,
    ],
    [
      ['dlq', 'groups', 'q', ...url, '--failed-from', '1h', '--failed-before', '2h'],
      /--failed-from is not before --failed-before/,
    ],
    [['dlq', 'redrive', 'q', ...url, '--rate', '0'], /--rate: give how many messages a second/],
    [['dlq', 'redrive', 'q', ...url, '--max-redrives', '-1'], /--max-redrives/],
    [['dlq', 'redrive', 'q', ...url, '--to', 'q'], /to: is the queue itself/],
    [['dlq', 'ls', 'q', ...url, '--ca', 'ca.pem'], /--ca says nothing to this broker/],
    [['dlq', 'ls', 'q', '--url', 'amqps://h', '--cert', 'x'], /--cert and --key go together/],
    [['dlq', 'ls', 'q', '--url', 'amqps://h', '--ca', 'no.pem'], /--ca: ENOENT/],
    [['topology'], /topology plan .*\n.*topology check/],
    [['topology', 'plan'], /Say which topology, and where: --config/],
    [['topology', 'check', ...url], /topology check has no option --url/],
    [['dlq', 'purge', 'q', ...url, '--yes'], /or --all of them/],
    [['dlq', 'purge', 'q', ...url, '--all', '--code', 'X', '--yes'], /or --all of them/],
    [['dlq', 'purge', 'q', ...url, '--all'], /give --yes to throw them away, or --dry-run/],
    [['dlq', 'purge', 'q', ...url, '--all', '--yes', '--limit', '3'], /all: there is a limit/],
  ])('is told before any broker is asked: %j', async (args, message) => {
    const text = await ran(args);
    expect(text).toEqual({ exit: 2, out: '', err: expect.stringMatching(message) as string });
    const { err, ...json } = await ran([...args, '--json']);
    expect(json).toEqual({ exit: 2, out: '' });
    const { error } = JSON.parse(err) as { error: { code: string; message: string } };
    expect(error.code).toMatch(/^(USAGE|RABBITMQ_CONFIGURATION)$/);
    expect(error.message).toMatch(message);
  });
});

it('tells what an error means to whoever has typed a command', () => {
  const missing = new QueueUnavailableError('no queue', { cause: { code: 404 } });
  const stream = new QueueUnavailableError('a stream', { cause: { code: 540 } });
  const lost = new InterruptedError('lost.');
  expect([missing, stream, lost, new Error('x')].map((error) => PROGRAM.explain?.(error))).toEqual([
    { exit: 3, code: 'RABBITMQ_QUEUE_UNAVAILABLE', message: 'no queue' },
    { exit: 1, code: 'RABBITMQ_QUEUE_UNAVAILABLE', message: 'a stream' },
    { exit: 1, code: 'RABBITMQ_INTERRUPTED', message: 'lost.' },
    undefined,
  ]);
  lost.report = { id: 'run-1', redriven: 7 };
  expect(PROGRAM.explain?.(lost)?.message).toBe(
    'lost. Redriven so far: 7. Everything else is in its queue; go on with --resume run-1.',
  );
  lost.report = { purged: 2 };
  expect(PROGRAM.explain?.(lost)?.message).toMatch(/Purged so far: 2/);
});

it('says why a run has not seen everything', () => {
  expect(endText('done', 5, 5)).toEqual([]);
  expect(endText('limit', 5, 3)).toEqual(['2 of 5 were not looked at: --limit was reached.']);
  expect(endText('stopped', 5, 1)).toEqual(['4 of 5 were not looked at: it was stopped.']);
});

it.each(['SIGINT', 'SIGTERM'] as const)(
  'ends at the first %s, and leaves no listener',
  async (signal) => {
    const before = process.listenerCount(signal);
    const work = interruptibly(async (stop) => {
      process.emit(signal);
      // The second one is Node's again.
      return [stop.aborted, process.listenerCount(signal)];
    });
    await expect(work).resolves.toEqual([true, before]);
    await expect(interruptibly(async () => process.listenerCount(signal))).resolves.toBe(
      before + 1,
    );
    expect(process.listenerCount(signal)).toBe(before);
  },
);

it('has a help that names every command and every option, within the width of a page', () => {
  for (const [name, command] of Object.entries(COMMANDS)) {
    expect(overview(PROGRAM)).toContain(`\n  ${name} `);
    const help = helpOf(PROGRAM, name, command);
    for (const option of command.options) expect(help).toContain(`--${option}`);
    expect(Math.max(...help.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120);
  }
});
