import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  declareQueue,
  freePort,
  takeAll,
  testBroker,
  type TestBroker,
} from '@acme/internal-testing';
import { PostgresOutboxStore } from '@acme/nest-outbox';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cli, cliInterrupted, cliJson, version } from './support/cli.js';
import { openOutboxApp, outboxRows } from './support/outbox-app.js';
import { onPostgres, type PostgresOutboxDatabase } from './support/outbox-database.js';

const CONFIG = fileURLToPath(new URL('support/cli-config.mjs', import.meta.url));

let database: PostgresOutboxDatabase;
let broker: TestBroker;
let folder: string;

beforeAll(async () => {
  broker = await testBroker();
  folder = mkdtempSync(join(tmpdir(), 'outbox-cli-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(async () => {
  database = await onPostgres();
});

const here = (): string[] => ['--url', database.url];
const storeIn = (): PostgresOutboxStore => new PostgresOutboxStore({ database: database.pool });
const opened = (options = {}) =>
  openOutboxApp(database, broker, {
    relay: { mode: 'off' },
    retry: { attempts: 1, onPark: 'block-key' },
    ...options,
  });

describe('migrate and sql', () => {
  it('create the tables once, of two at the same time one, and again', async () => {
    const both = await Promise.all(
      [1, 2].map(() => cliJson(['migrate', ...here(), '--lanes', '4'])),
    );
    for (const one of both)
      expect(one).toMatchObject({ exit: 0, answer: { tables: { after: 1 }, lanes: 4 } });
    expect(await cli(['migrate', ...here()])).toEqual({
      exit: 0,
      stdout: 'The tables in PostgreSQL are at version 1, with 4 lanes already.\n',
      stderr: '',
    });
    const other = await cliJson(['migrate', ...here(), '--lanes', '8']);
    expect(other).toMatchObject({
      exit: 1,
      answer: undefined,
      error: {
        error: { code: 'LANES_DIFFER', message: expect.stringMatching(/4 lanes, not 8/) as string },
      },
    });
    const store = storeIn();
    await store.prepare(4);
    await expect(store.operations.version?.()).resolves.toEqual({ found: 1, needed: 1 });
  });

  it('go to the schema that is given', async () => {
    const schema = `${database.schema}_own`;
    await database.pool.query(`create schema ${schema}`);
    const args = [...here(), '--schema', schema];
    expect(await cliJson(['migrate', ...args])).toMatchObject({ exit: 0 });
    expect(await cliJson(['status', ...args])).toMatchObject({ exit: 0 });
    expect(await cliJson(['status', ...here()])).toMatchObject({ exit: 3 });
  });

  it.each([
    ['--dialect', 'postgres'],
    ['--url', 'postgres://nobody@nowhere.invalid/none'],
  ])('print what can be applied by hand, without a database: %s', async (...which) => {
    // In a folder without drivers.
    const args = ['sql', ...which, '--schema', database.schema, '--lanes', '3'];
    const { exit, stdout } = await cli(args, { cwd: folder });
    expect(exit).toBe(0);
    // It may follow and be followed by other SQL.
    await database.pool.query(`select 1; ${stdout} ${stdout} select 1;`);
    await expect(storeIn().operations.status()).resolves.toMatchObject({ lanes: 3 });
    const store = new PostgresOutboxStore({ database: database.pool, schema: database.schema });
    expect((await cliJson(args, { cwd: folder })).answer).toEqual({ sql: store.migrationSql(3) });
  });
});

describe('status', () => {
  it('says what is missing, and how to mend it', async () => {
    const text = await cli(['status', ...here()]);
    expect(text.exit).toBe(3);
    expect(text.stdout).toMatch(/^ready +no$/m);
    expect(text.stdout).toMatch(/^error: .*no tables.*\n {2}.*nest-outbox migrate/m);
    const json = await cliJson(['status', ...here()]);
    expect(json).toMatchObject({
      exit: 3,
      answer: { ready: false, tables: { found: 0, needed: 1 }, outbox: null },
    });
    for (const command of ['parked', 'redrive'])
      expect(await cliJson([command, ...here()])).toMatchObject({
        exit: 3,
        error: { error: { code: 'NOT_READY' } },
      });
  });

  it('tells what is in the outbox', async () => {
    const { outbox, transactions, relay, close } = await opened();
    const nowhere = broker.name('status-nowhere');
    await transactions.run(() =>
      outbox.add([
        { type: 'a.v1', key: 'a', payload: 1, routingKey: nowhere },
        { type: 'a.v1', key: 'a', payload: 2, routingKey: nowhere },
      ]),
    );
    await relay.runOnce();
    await transactions.run(() =>
      outbox.add([
        { type: 'a.v1', payload: 3 },
        { type: 'a.v1', payload: 4, delay: '1h' },
      ]),
    );
    await database.pool.query(`update outbox_messages set created_at = now() - interval '90 min'`);
    expect(await cliJson(['status', ...here()])).toEqual({
      exit: 0,
      answer: {
        store: 'PostgreSQL',
        ready: true,
        tables: { found: 1, needed: 1 },
        outbox: {
          pending: 1,
          oldestAgeMs: expect.closeTo(5_400_000, -5) as number,
          delayed: 1,
          waiting: 1,
          blocked: 1,
          parked: 1,
          published: 0,
          lanes: 16,
          heldLanes: 0,
          relays: 0,
        },
        findings: [],
      },
      error: undefined,
    });
    const { stdout } = await cli(['status', ...here()]);
    expect(stdout).toMatch(/^oldest pending +1\.5 h old$/m);
    expect(stdout).toMatch(/^waiting +1, of 1 keys that have failed$/m);
    expect(stdout).toMatch(/^lanes +16, 0 held$/m);
    await close();
  });
});

describe('parked messages', () => {
  /** Two of one key, one of another, and bytes; nothing can be routed. */
  const parkFour = async (name: string) => {
    const queue = broker.name(name);
    const app = await opened();
    const add = (type: string, key: string, messageId: string, payload: unknown) => ({
      type,
      key,
      messageId,
      payload,
      routingKey: queue,
    });
    await app.transactions.run(() =>
      app.outbox.add([
        { ...add('a.v1', 'k1', 'm1', { n: 1.1 }), headers: { 'x-tenant-id': 't', n: 1 } },
        add('b.v1', 'k2', 'm2', 'two'),
        add('b.v1', 'k3', 'm3', Uint8Array.from([0, 255])),
        add('c.v1', 'k1', 'm4', 4),
      ]),
    );
    await app.relay.runOnce();
    expect(await outboxRows(database)).toEqual({ pending: 0, waiting: 1, parked: 3 });
    return { queue, ...app };
  };
  type List = { parked: Record<string, unknown>[]; more: boolean };
  const list = async (...args: string[]): Promise<List> =>
    (await cliJson(['parked', ...here(), ...args])).answer as List;
  const ids = async (...args: string[]) =>
    (await list(...args)).parked.map(({ messageId }) => messageId);

  it('are listed, for people and with all they have', async () => {
    const { queue, close } = await parkFour('listed');
    const { exit, stdout } = await cli(['parked', ...here(), '--limit', '2']);
    expect(exit).toBe(0);
    expect(stdout).toMatch(/^id +type +key +parked at +attempts +reason +error\nm1 +a\.v1 +k1 +20/);
    expect(stdout).toMatch(/ 1 +UNROUTABLE +.*\nm2 /);
    expect(stdout).toMatch(/more than these 2: give a larger --limit\.\n$/);
    expect(stdout).not.toContain('two');

    const { parked, more } = await list();
    expect(more).toBe(false);
    expect(parked[0]).toEqual({
      messageId: 'm1',
      type: 'a.v1',
      key: 'k1',
      exchange: null,
      routingKey: queue,
      contentType: null,
      headers: { 'x-tenant-id': 't', n: 1 },
      occurredAt: expect.stringMatching(/^20.*Z$/) as string,
      parkedAt: expect.stringMatching(/^20.*Z$/) as string,
      attempts: 1,
      reason: 'UNROUTABLE',
      error: expect.any(String) as string,
      history: [
        {
          at: expect.any(String) as string,
          code: 'UNROUTABLE',
          message: expect.any(String) as string,
        },
      ],
      payload: '{"n":1.1}',
      payloadBase64: null,
    });
    expect(parked[2]).toMatchObject({ payload: null, payloadBase64: 'AP8=', headers: null });
    expect(await list('--limit', '1')).toMatchObject({ parked: [{ messageId: 'm1' }], more: true });
    await close();
  });

  it('are found by what one looks for', async () => {
    const { close } = await parkFour('found');
    expect(await ids('--type', 'b.v1')).toEqual(['m2', 'm3']);
    expect(await ids('--type', 'b.v1', '--key', 'k3')).toEqual(['m3']);
    expect(await ids('--id', 'm1', '--id', 'm3', '--id', 'm4')).toEqual(['m1', 'm3']);
    expect(await ids('--reason', 'UNROUTABLE')).toHaveLength(3);
    expect(await ids('--reason', 'CRASHED')).toEqual([]);
    expect(await cli(['parked', ...here(), '--key', 'x'])).toEqual({
      exit: 0,
      stdout: 'There is no such parked message.\n',
      stderr: '',
    });
    await close();
  });

  it('tell nobody the password that an error quotes', async () => {
    const { close } = await parkFour('secret');
    await database.pool.query(
      `update outbox_parked set error = 'no amqp://ann:s3cr3t@h',
       history = '[{"at":"x","code":"X","message":"no amqp://ann:s3cr3t@h"}]'`,
    );
    for (const more of [[], ['--json']]) {
      const { stdout } = await cli(['parked', ...here(), ...more]);
      expect(stdout).toContain('amqp://***@h');
      expect(stdout).not.toContain('s3cr3t');
    }
    await close();
  });

  it('are put back, and leave when the cause is mended', async () => {
    const { relay, queue, close } = await parkFour('redriven');
    const channel = await broker.channel();
    await channel.assertQueue(queue);
    expect(await cliJson(['redrive', ...here(), '--key', 'k1'])).toMatchObject({
      exit: 0,
      answer: { redriven: 1 },
    });
    await relay.runOnce();
    const arrived = (await takeAll(broker, queue)).map(({ properties }) => properties.messageId);
    expect(arrived).toEqual(['m1', 'm4']);
    expect(await cli(['redrive', ...here()])).toMatchObject({
      exit: 0,
      stdout: 'Redriven: 2 messages.\n',
    });
    expect(await cliJson(['redrive', ...here()])).toMatchObject({
      exit: 3,
      answer: { redriven: 0 },
    });
    await close();
  });

  it('are thrown away only where it is said which', async () => {
    const { close } = await parkFour('discarded');
    for (const args of [[], ['--all', '--key', 'k1']])
      expect(await cliJson(['discard', ...here(), ...args])).toMatchObject({
        exit: 2,
        error: { error: { code: 'USAGE' } },
      });
    expect(await cli(['discard', ...here(), '--id', 'm1'])).toMatchObject({
      exit: 0,
      stdout: 'Discarded: 1 message.\n',
    });
    expect(await cliJson(['discard', ...here(), '--all'])).toMatchObject({
      exit: 0,
      answer: { discarded: 2 },
    });
    expect(await cli(['discard', ...here(), '--all'])).toMatchObject({ exit: 3 });
    expect((await outboxRows(database))?.parked).toBe(0);
    await close();
  });
});

describe('replay', () => {
  const publish = async (name: string) => {
    const queue = await declareQueue(broker, name);
    const app = await opened({ retention: '7d' });
    await app.transactions.run(() =>
      app.outbox.add(
        [1, 2, 3].map((n) => ({ type: queue, key: `k${n}`, payload: n, messageId: `m${n}` })),
      ),
    );
    await app.relay.runOnce();
    await takeAll(broker, queue);
    const replayed = async (...args: string[]) => {
      const { exit, answer } = await cliJson(['replay', ...here(), ...args]);
      await app.relay.runOnce();
      return { exit, ...(answer as { replayed: number }), messages: await takeAll(broker, queue) };
    };
    return { queue, replayed, ...app };
  };

  it('publishes those of a key or a time again, marked, with old ids or new ones', async () => {
    const { replayed, queue, close } = await publish('replay');
    const one = await replayed('--key', 'k2');
    expect(one).toMatchObject({ exit: 0, replayed: 1 });
    expect(one.messages[0]?.properties).toMatchObject({
      messageId: 'm2',
      headers: { 'x-redrive-count': 1, 'x-redrive-id': expect.any(String) as string },
    });
    await database.pool.query(
      `update outbox_published set published_at = now() - interval '3 hours' where message_id = 'm1'`,
    );
    expect(await replayed('--from', '4h', '--to', '2h', '--type', queue)).toMatchObject({
      exit: 0,
      messages: [{ properties: { messageId: 'm1' } }],
    });
    expect(await replayed('--to', '2020-01-01T00:00:00Z')).toMatchObject({ exit: 3, replayed: 0 });
    const fresh = await replayed('--key', 'k3', '--new-ids');
    expect(fresh.replayed).toBe(1);
    expect(fresh.messages[0]?.properties.messageId).not.toBe('m3');
    await close();
  });

  it('tells how far it is', async () => {
    const { close } = await publish('progress');
    await database.pool.query(
      `insert into outbox_published (seq, occurred_at, lane, message_id, type, payload)
       select i + 1000, now(), 0, 'x' || i, 'bulk', '1' from generate_series(1, 700) i`,
    );
    const client = await database.pool.connect();
    await client.query('begin');
    // What is to be added waits here.
    await client.query(`lock table outbox_messages in share mode`);
    const progress = /^nest-outbox: replaying \(\d+ s\)$/m;
    const result = await cliInterrupted(
      ['replay', ...here(), '--type', 'bulk'],
      progress,
      async () => {
        await client.query('commit');
        client.release();
      },
    );
    expect(result).toMatchObject({
      exit: 0,
      stdout: 'Replayed: 700 messages. The relays publish them when they look next.\n',
    });
    expect(result.stderr).toMatch(progress);
    expect((await outboxRows(database))?.pending).toBe(700);
    await close();
  });
});

describe('--config', () => {
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return name;
  };

  it('gives a store', async () => {
    const env = { DATABASE_URL: database.url, OUTBOX_SCHEMA: database.schema };
    const ask = (...args: string[]) => cliJson([...args, '--config', CONFIG], { env });
    expect(await ask('status')).toMatchObject({ exit: 3 });
    expect(await ask('migrate')).toMatchObject({ exit: 0, answer: { store: 'PostgreSQL' } });
    expect(await ask('status')).toMatchObject({ exit: 0, answer: { ready: true } });
    expect(await ask('doctor')).toMatchObject({ exit: 3, answer: { healthy: false } });
    expect(await ask('replay', '--all')).toMatchObject({ exit: 3, answer: { replayed: 0 } });
    expect(await ask('sql')).toMatchObject({ exit: 0 });
    expect(await ask('status', '--schema', 'x')).toMatchObject({
      exit: 2,
      error: { error: { code: 'USAGE' } },
    });
  });

  it.each([
    ['no-default.mjs', 'export const store = 1;', 2, /its default export has no store/],
    ['half.mjs', 'export default { store: { prepare() {}, insert() {} } };', 2, /has no store/],
    ['throws.mjs', 'throw new Error("not today");', 1, /throws\.mjs: not today/],
  ])('says what is wrong with %s', async (name, text, exit, message) => {
    const args = ['status', '--config', write(name, text)];
    expect(await cliJson(args, { cwd: folder })).toMatchObject({
      exit,
      error: { error: { message: expect.stringMatching(message) as string } },
    });
  });

  it('may give a store that has no tables to be made', async () => {
    const file = write(
      'own.mjs',
      `class OwnStore { prepare() {} insert() {} operations = {
        status: async () => ({ pending: 2, oldestAgeMs: 90000, delayed: 0, waiting: 0, blocked: 0, parked: 1, published: 0, lanes: 1, heldLanes: 0, relays: 0 }),
        parked: async () => [], redrive: async () => 0, discard: async () => 0, published: async () => [], add: async () => {} } }
      export default { store: new OwnStore() };`,
    );
    const ask = (...args: string[]) => cliJson([...args, '--config', file], { cwd: folder });
    expect(await ask('migrate')).toMatchObject({
      exit: 0,
      answer: { store: 'OwnStore', tables: null },
    });
    expect(await ask('sql')).toMatchObject({ exit: 2 });
    expect(await ask('status')).toMatchObject({ exit: 0, answer: { tables: null } });
    const { exit, answer } = await ask('doctor');
    expect(exit).toBe(3);
    const { findings } = answer as { findings: { code: string }[] };
    expect(findings.map(({ code }) => code)).toEqual(['NO_RELAY', 'LAG', 'PARKED']);
  });
});

describe('what cannot be done', () => {
  it.each([
    [['status', '--url', 'postgres://h/db'], 'npm install pg'],
    [['doctor', '--url', 'postgres://h/db', '--amqp', 'amqp://h'], 'npm install amqplib'],
  ])('a driver that is missing is named: %j', async (args, remedy) => {
    expect(await cliJson(args, { cwd: folder })).toMatchObject({
      exit: 1,
      error: {
        error: { code: 'DRIVER_MISSING', message: expect.stringContaining(remedy) as string },
      },
    });
  });

  it('a store that cannot be reached ends with 1, without the password', async () => {
    const args = ['doctor', '--url', `postgres://ann:s3cr3t@127.0.0.1:${await freePort()}/db`];
    const text = await cli(args);
    expect(text).toMatchObject({ exit: 1, stdout: '' });
    expect(text.stderr).toMatch(/^The store cannot be reached \(connect ECONNREFUSED/);
    const json = await cliJson(args);
    expect(json).toMatchObject({ exit: 1, error: { error: { code: 'ECONNREFUSED' } } });
    expect(text.stderr + JSON.stringify(json)).not.toContain('s3cr3t');
  });

  it('help and version are no failure', async () => {
    const help = await cli(['discard', '--help']);
    expect(help).toMatchObject({ exit: 0, stderr: '' });
    expect(help.stdout).toContain('--all');
    expect(await cli(['--version'])).toEqual({ exit: 0, stdout: `${version}\n`, stderr: '' });
  });
});
