import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  declareQueue,
  freePort,
  spawnChild,
  takeAll,
  testBroker,
  type TestBroker,
} from '@acme/internal-testing';
import { importedMessage } from '@acme/nest-rabbitmq';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLI, cli, cliJson, version } from '../support/cli.js';
import { depth, failedIn, parkedQueue } from '../support/parked.js';

const CONFIG = fileURLToPath(new URL('../support/cli-config.mjs', import.meta.url));

let broker: TestBroker;
let folder: string;
beforeAll(async () => {
  broker = await testBroker();
  folder = mkdtempSync(join(tmpdir(), 'rabbitmq-cli-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const here = (): string[] => ['--url', broker.url];

/** Four messages of two bugs, one of which has another queue. */
async function scene(name: string) {
  const orders = await declareQueue(broker, name);
  const gone = broker.name(`${name}.gone`);
  const other = {
    'x-error-fingerprint': 'bbbbbbbbbbbbbbbb',
    'x-error-code': 'NO_ID',
    'x-error-message': `refused by ${broker.url}`,
    'x-last-failed-at': new Date().toISOString(),
  };
  const queue = await parkedQueue(broker, name, [
    {
      body: '{"id":1}',
      properties: { messageId: 'm-1', type: 'placed', headers: failedIn(orders) },
    },
    { body: '{"id":2}', properties: { messageId: 'm-2', headers: failedIn(orders, other) } },
    { body: Buffer.from([0xff]), properties: { messageId: 'm-3', headers: failedIn(gone) } },
    { body: '{"id":4}', properties: { messageId: 'm-4', headers: failedIn(orders) } },
  ]);
  return { orders, gone, queue };
}

describe('looking', () => {
  it('ls shows what is there, as text and as JSON', async () => {
    const { queue, orders } = await scene('cli.ls');
    const text = await cli(['dlq', 'ls', queue, ...here()]);
    expect(text).toMatchObject({ exit: 0, stderr: '' });
    expect(text.stdout).toMatch(
      /^ +id +type +from +failed at +tries +redrives +code +error\n1 +m-1/,
    );
    expect(text.stdout).toContain(`${queue} has 4 messages.`);
    expect(await cliJson(['dlq', 'ls', queue, ...here(), '--limit', '1'])).toMatchObject({
      exit: 0,
      answer: {
        queue,
        ready: 4,
        consumers: 0,
        looked: 4,
        left: 0,
        more: 3,
        messages: [
          {
            position: 1,
            messageId: 'm-1',
            origin: { queue: orders, exchange: 'events', routingKey: 'placed' },
            firstFailedAt: '2026-11-01T00:00:00.000Z',
            redriveId: null,
          },
        ],
      },
    });
    const some = ['--code', 'NO_ID', '--code', 'NOPE', '--failed-from', '1h'];
    expect(await cliJson(['dlq', 'ls', queue, ...here(), ...some])).toMatchObject({
      answer: { messages: [{ messageId: 'm-2' }] },
    });
  });

  it('peek shows one with everything that it has, groups the bugs', async () => {
    const { queue, orders } = await scene('cli.peek');
    const text = await cli(['dlq', 'peek', queue, ...here(), '--id', 'm-1']);
    expect(text.exit).toBe(0);
    expect(text.stdout).toMatch(
      /headers:\n[^]*x-error-code +RETRIES_EXHAUSTED[^]*body, 8 bytes:\n\{"id":1\}\n$/,
    );
    expect(await cliJson(['dlq', 'peek', queue, ...here(), '--id', 'm-3'])).toMatchObject({
      exit: 0,
      answer: {
        messages: [{ body: '/w==', bodyEncoding: 'base64', properties: { messageId: 'm-3' } }],
      },
    });
    expect(await cli(['dlq', 'peek', queue, ...here(), '--id', 'none'])).toMatchObject({
      exit: 3,
      stdout: expect.stringMatching(/There is no such message/) as string,
    });
    expect(await cliJson(['dlq', 'groups', queue, ...here()])).toMatchObject({
      exit: 0,
      answer: {
        groups: [
          { fingerprint: 'aaaaaaaaaaaaaaaa', count: 3, sample: { messageId: 'm-1' } },
          { fingerprint: 'bbbbbbbbbbbbbbbb', count: 1, queues: { [orders]: 1 } },
        ],
      },
    });
    expect((await cli(['dlq', 'groups', queue, ...here()])).stdout).toMatch(
      /aaaaaaaaaaaaaaaa +3 +0/,
    );
    await expect(depth(broker, queue)).resolves.toBe(4);
  });
});

describe('redrive', () => {
  it('says what would be done, does it, and says what was left', async () => {
    const { queue, orders, gone } = await scene('cli.redrive');
    const dry = await cliJson(['dlq', 'redrive', queue, ...here(), '--dry-run']);
    expect(dry).toMatchObject({ exit: 1, answer: { dryRun: true, redriven: 3 } });
    await expect(depth(broker, queue)).resolves.toBe(4);

    const one = await cli([
      'dlq',
      'redrive',
      queue,
      ...here(),
      '--fingerprint',
      'bbbbbbbbbbbbbbbb',
    ]);
    expect(one).toEqual({
      exit: 0,
      stdout: `Redriven: 1 message.\n  1 to ${orders}\n`,
      stderr: '',
    });
    const rest = await cli(['dlq', 'redrive', queue, ...here()]);
    expect(rest).toMatchObject({ exit: 1, stderr: '' });
    expect(rest.stdout).toMatch(/^Redriven: 2 messages\.\n/);
    expect(rest.stdout).toContain(`1 message for ${gone} left: There is no such queue.`);
    expect(await cliJson(['dlq', 'redrive', queue, ...here(), '--to', orders])).toMatchObject({
      exit: 0,
      answer: { redriven: 1, to: { [orders]: 1 }, end: 'done' },
    });
    expect(await cli(['dlq', 'redrive', queue, ...here()])).toMatchObject({
      exit: 3,
      stdout: 'Nothing was redriven.\n',
    });
    await expect(depth(broker, orders)).resolves.toBe(4);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'ends in good order at %s, and goes on where it was',
    async (signal) => {
      const name = `cli.stopped.${signal}`;
      const orders = await declareQueue(broker, name);
      const messages = Array.from({ length: 40 }, (_, n) => ({
        body: `${n}`,
        properties: { headers: failedIn(orders) },
      }));
      const queue = await parkedQueue(broker, name, messages);
      const args = ['dlq', 'redrive', queue, ...here(), '--rate', '5', '--json'];
      const child = spawnChild(CLI, { args });
      await child.waitForLine(/redriving, [1-9]\d* so far/);
      const { code } = await child.kill(signal);
      expect(code).toBe(1);
      const { id, redriven, end } = JSON.parse(child.lines.at(-1)!) as Record<string, unknown>;
      expect(end).toBe('stopped');
      expect(redriven).toBeGreaterThan(0);
      await expect(depth(broker, orders)).resolves.toBe(redriven);
      await expect(depth(broker, queue)).resolves.toBe(40 - (redriven as number));

      const again = ['dlq', 'redrive', queue, ...here(), '--resume', id as string];
      expect(await cliJson(again)).toMatchObject({
        exit: 0,
        answer: { id, redriven: 40 - (redriven as number) },
      });
      const bodies = (await takeAll(broker, orders)).map(({ content }) => content.toString());
      expect(bodies).toEqual(messages.map(({ body }) => body));
    },
  );
});

describe('export', () => {
  it('writes lines to standard output and says the rest beside them', async () => {
    const { queue } = await scene('cli.export');
    const { exit, stdout, stderr } = await cli(['dlq', 'export', queue, ...here()]);
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: 'Exported: 4 messages.\n' });
    const lines = stdout.trimEnd().split('\n').map(importedMessage);
    expect(lines.map(({ properties }) => properties['messageId'])).toEqual([
      'm-1',
      'm-2',
      'm-3',
      'm-4',
    ]);
    expect(lines[2]?.content).toEqual(Buffer.from([0xff]));
    await expect(depth(broker, queue)).resolves.toBe(4);
  });

  it('writes to a new file, never over another one', async () => {
    const { queue } = await scene('cli.out');
    const args = [
      'dlq',
      'export',
      queue,
      ...here(),
      '--id',
      'm-2',
      '--out',
      join(folder, 'x.ndjson'),
    ];
    expect(await cliJson(args)).toMatchObject({ exit: 0, answer: { queue, exported: 1 } });
    const written = readFileSync(join(folder, 'x.ndjson'), 'utf8');
    expect(importedMessage(written.trimEnd()).content.toString()).toBe('{"id":2}');
    expect(await cliJson(args)).toMatchObject({ exit: 2, error: { error: { code: 'USAGE' } } });
    expect(readFileSync(join(folder, 'x.ndjson'), 'utf8')).toBe(written);
  });
});

it('purge throws away what is said, and only with --yes', async () => {
  const { queue } = await scene('cli.purge');
  const purge = ['dlq', 'purge', queue, ...here()];
  expect(await cli([...purge, '--code', 'NO_ID', '--dry-run'])).toMatchObject({
    exit: 0,
    stdout: 'Would be purged: 1 message.\n',
  });
  expect(await cli([...purge, '--code', 'NO_ID', '--yes'])).toMatchObject({
    exit: 0,
    stdout: 'Purged: 1 message.\n',
  });
  expect(await cliJson([...purge, '--code', 'NO_ID', '--yes'])).toMatchObject({ exit: 3 });
  await expect(depth(broker, queue)).resolves.toBe(3);
  expect(await cliJson([...purge, '--all', '--yes'])).toMatchObject({ answer: { purged: 3 } });
  await expect(depth(broker, queue)).resolves.toBe(0);
});

describe('which broker', () => {
  it('may be said by a file', async () => {
    const { queue } = await scene('cli.config');
    const env = { AMQP_URL: broker.url };
    expect(await cliJson(['dlq', 'ls', queue, '--config', CONFIG], { env })).toMatchObject({
      exit: 0,
      answer: { ready: 4 },
    });
    writeFileSync(join(folder, 'half.mjs'), 'export default { url: 1 };');
    expect(await cli(['dlq', 'ls', queue, '--config', 'half.mjs'], { cwd: folder })).toMatchObject({
      exit: 2,
      stderr: expect.stringMatching(/half\.mjs: its default export has no connect/) as string,
    });
  });

  it('wants amqplib in the project', async () => {
    expect(await cliJson(['dlq', 'ls', 'q', ...here()], { cwd: folder })).toMatchObject({
      exit: 1,
      error: { error: { code: 'DRIVER_MISSING' } },
    });
  });

  it('that cannot be reached ends with 1, without the password', async () => {
    const args = ['dlq', 'ls', 'q', '--url', `amqp://ann:s3cr3t@127.0.0.1:${await freePort()}`];
    const text = await cli(args);
    expect(text).toMatchObject({ exit: 1, stdout: '' });
    expect(text.stderr).toMatch(/^The broker cannot be reached \(connect ECONNREFUSED/);
    expect(text.stderr).not.toContain('s3cr3t');
  });

  it('is any of several nodes that answers; where none does, each is named without its password', async () => {
    const { queue } = await scene('cli.nodes');
    const down = `amqp://ann:s3cr3t@127.0.0.1:${await freePort()}`;
    expect(await cli(['dlq', 'ls', queue, '--url', down, ...here()])).toMatchObject({ exit: 0 });
    const { exit, stderr } = await cli([
      'dlq',
      'ls',
      queue,
      '--url',
      down,
      '--url',
      `${down}/shop`,
    ]);
    expect(exit).toBe(1);
    expect(stderr).toMatch(
      /^none of 2 answers: 127\.0\.0\.1:\d+ \(connect ECONNREFUSED .*\), 127\.0\.0\.1:\d+\/shop \(/,
    );
    expect(stderr).not.toContain('s3cr3t');
  });

  it('hides the password also where a message has it, and says where there is no such queue', async () => {
    const { queue } = await scene('cli.secret');
    const url = broker.url.replace(/:\/\/(?:[^@/]*@)?/, '://guest:guest@');
    const { stdout } = await cli(['dlq', 'ls', queue, '--url', url]);
    expect(stdout).not.toContain('guest:guest');
    expect(await cli(['dlq', 'ls', broker.name('cli.nowhere'), ...here()])).toMatchObject({
      exit: 3,
      stderr: expect.stringMatching(/There is no queue/) as string,
    });
  });

  it('says where there is no such virtual host, or no such user', async () => {
    const nowhere = new URL(broker.url);
    nowhere.pathname = '/nowhere';
    expect(await cli(['dlq', 'ls', 'q.dlq', '--url', nowhere.href])).toMatchObject({
      exit: 1,
      stderr: expect.stringContaining('there is no such virtual host') as string,
    });
    const nobody = new URL(broker.url);
    nobody.username = 'nobody';
    expect(await cli(['dlq', 'ls', 'q.dlq', '--url', nobody.href])).toMatchObject({
      exit: 1,
      stderr: expect.stringContaining('see user and password') as string,
    });
  });

  it('is not asked for a version', async () => {
    expect((await cli(['--version'])).stdout).toBe(`${version}\n`);
  });
});
