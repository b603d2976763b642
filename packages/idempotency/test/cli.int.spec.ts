import 'reflect-metadata';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Module } from '@nestjs/common';
import {
  freePort,
  openContext,
  startPrivate,
  startRedisCluster,
  testDatabase,
  testRedis,
  type TestDatabase,
  type TestRedis,
} from '@acme/internal-testing';
import {
  IdempotencyInfo,
  IdempotencyModule,
  IdempotencyService,
  PostgresIdempotencyStore,
  RedisIdempotencyStore,
  type IdempotencyStore,
} from '@acme/nest-idempotency';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cli, cliInterrupted, cliJson, version } from './support/cli.js';
import { Gate } from './support/ledger.js';

const CONFIG = fileURLToPath(new URL('support/cli-config.mjs', import.meta.url));
const NO_ID = '0'.repeat(64);

let database: TestDatabase;
let redis: TestRedis;
let folder: string;
let schema: string;
let last = 0;

beforeAll(async () => {
  [database, redis] = await Promise.all([testDatabase(), testRedis()]);
  folder = mkdtempSync(join(tmpdir(), 'idempotency-cli-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => {
  schema = `${database.schema}_${(last += 1)}`;
});

const postgres = (): string[] => ['--url', database.url, '--schema', schema];
const storeIn = (): PostgresIdempotencyStore =>
  new PostgresIdempotencyStore({ database: database.pool, schema });

async function serviceOn(store: IdempotencyStore): Promise<IdempotencyService> {
  @Module({ imports: [IdempotencyModule.forRoot({ namespace: 'billing', store, migrate: true })] })
  class Billing {}
  return (await openContext(Billing)).app.get(IdempotencyService);
}

describe.each(['PostgreSQL', 'Redis'] as const)('records in %s', (kind) => {
  const name = 'billing.charge';
  const key = 'order-4711';
  let store: IdempotencyStore;
  let service: IdempotencyService;
  let where: string[];
  let runs: number;

  const record = ['--namespace', 'billing', '--name', name, '--key', key];
  const run = (work: () => Promise<unknown> = async () => 'paid'): Promise<unknown> =>
    service.run(key, () => ((runs += 1), work()), { name });

  /** A call that is under way until the gate opens. */
  const held = async (): Promise<{ id: string; gate: Gate; ended: Promise<unknown> }> => {
    const [started, gate] = [new Gate(), new Gate()];
    let id = '';
    const ended = run(async () => {
      id = IdempotencyInfo.current()!.id;
      started.open();
      await gate.passed;
    }).catch((error: unknown) => error);
    await started.passed;
    return { id, gate, ended };
  };

  beforeEach(async () => {
    runs = 0;
    const prefix = redis.name(`${schema}:`);
    where = kind === 'Redis' ? ['--url', redis.url, '--prefix', prefix] : postgres();
    store = kind === 'Redis' ? new RedisIdempotencyStore(redis.client, { prefix }) : storeIn();
    service = await serviceOn(store);
  });

  it('are shown without their key, and without the reply unless it is asked for', async () => {
    await run();
    const text = await cli(['inspect', ...where, ...record]);
    expect(text).toMatchObject({ exit: 0, stderr: '' });
    expect(text.stdout).toMatch(/^name +billing\.charge$/m);
    expect(text.stdout).toMatch(/^state +done$/m);
    expect(text.stdout).toMatch(/^outcome +\d+ characters, shown with --show-outcome$/m);
    expect(text.stdout).not.toMatch(/order-4711|paid/);

    const { exit, answer } = await cliJson(['inspect', ...where, ...record]);
    const known = await service.inspect(key, { name });
    expect(exit).toBe(0);
    expect(answer).toEqual({
      found: true,
      id: known!.id,
      name,
      state: 'done',
      fingerprint: null,
      fence: known!.fence,
      attempt: 1,
      createdAt: known!.createdAt.toISOString(),
      expiresAt: expect.any(String) as string,
      lockedUntil: null,
      outcomeLength: known!.outcome!.length,
    });

    const byId = await cliJson(['inspect', ...where, '--id', known!.id, '--show-outcome']);
    expect(byId.answer).toMatchObject({ outcome: known!.outcome });
    const shown = await cli(['inspect', ...where, '--id', known!.id, '--show-outcome']);
    expect(shown.stdout).toContain('paid');
  });

  it('are those of one principal', async () => {
    await service.run(key, async () => 'paid', { name, principal: 'ann' });
    const of = (...principal: string[]) => cli(['inspect', ...where, ...record, ...principal]);
    expect((await of('--principal', 'ann')).exit).toBe(0);
    expect((await of('--principal', 'bob')).exit).toBe(3);
    expect((await of()).exit).toBe(3);
  });

  it('are forgotten, and say when there is nothing', async () => {
    await run();
    const first = await cli(['forget', ...where, ...record]);
    expect(first).toMatchObject({ exit: 0, stdout: expect.stringMatching(/^Forgotten/) as string });
    await run();
    expect(runs).toBe(2);
    const again = await cliJson(['forget', ...where, ...record]);
    expect(again).toMatchObject({ exit: 0, answer: { removed: true } });
    const none = await cliJson(['forget', ...where, ...record]);
    expect(none).toMatchObject({ exit: 3, answer: { removed: false, state: null } });
    const gone = await cliJson(['inspect', ...where, ...record]);
    expect(gone).toMatchObject({ exit: 3, answer: { found: false } });
    expect((await cli(['inspect', ...where, ...record])).stdout).toMatch(/^There is no record/);
  });

  it('that are running are not forgotten, but released', async () => {
    const { id, gate, ended } = await held();
    const refused = await cli(['forget', ...where, ...record]);
    expect(refused.exit).toBe(3);
    expect(refused.stdout).toMatch(/under way.*nest-idempotency release/);
    const shown = await cliJson(['inspect', ...where, '--id', id]);
    expect(shown.answer).toMatchObject({ state: 'running', outcomeLength: null });
    expect((shown.answer as { lockedUntil: unknown }).lockedUntil).toEqual(expect.any(String));

    const released = await cli(['release', ...where, '--id', id]);
    expect(released).toMatchObject({
      exit: 0,
      stdout: expect.stringMatching(/^Released/) as string,
    });
    const elsewhere = await serviceOn(store);
    expect(await elsewhere.run(key, async () => 'second', { name })).toBe('second');
    const done = await cliJson(['release', ...where, '--id', id]);
    expect(done).toMatchObject({ exit: 3, answer: { removed: false, state: 'done' } });
    gate.open();
    await ended;
  });
});

describe('status', () => {
  it('says what is missing, and how to mend it', async () => {
    const text = await cli(['status', ...postgres()]);
    expect(text.exit).toBe(3);
    expect(text.stdout).toMatch(/^ready +no$/m);
    expect(text.stdout).toMatch(/^error: .*npx nest-idempotency migrate/m);
    const json = await cliJson(['status', ...postgres()]);
    expect(json).toMatchObject({
      exit: 3,
      answer: { ready: false, tables: { found: 0 }, records: null },
    });
    const refused = await cliJson(['inspect', ...postgres(), '--id', NO_ID]);
    expect(refused).toMatchObject({ exit: 3, error: { error: { code: 'NOT_READY' } } });
  });

  it('counts records by state, and tells the age of the oldest that has expired', async () => {
    await storeIn().migrate();
    const leased = { lockTtlMs: 60_000, token: 't' };
    const request = (n: number) => ({ id: `${n}`.repeat(64), name: 'n', fingerprint: undefined });
    await storeIn().claimMany([request(1), request(2), request(3), request(4)], leased);
    await storeIn().settle({ ...request(1), token: 't' }, undefined, 60_000);
    await storeIn().release(request(2).id, 't', { ttlMs: 60_000, counted: true });
    await database.pool.query(
      `update ${schema}.records set expires_at = now() - interval '90 minutes', locked_until = null where id = '\\x${request(3).id}'`,
    );
    const json = await cliJson(['status', ...postgres()]);
    expect(json).toEqual({
      exit: 0,
      answer: {
        store: 'PostgreSQL',
        ready: true,
        tables: { found: 1, needed: 1 },
        records: {
          running: 1,
          done: 1,
          free: 1,
          expired: 1,
          oldestExpiredMs: expect.closeTo(5_400_000, -5) as number,
          complete: true,
          total: 4,
        },
        findings: [],
      },
      error: undefined,
    });
    const text = await cli(['status', ...postgres()]);
    expect(text.stdout).toMatch(/^oldest expired +1\.5 h ago$/m);
    expect(text.stdout).toMatch(/^records +4$/m);
  });

  it('looks at a part of a big table, and estimates the whole', async () => {
    await storeIn().migrate();
    await database.pool.query(
      `insert into ${schema}.records (id, name, state, fence, attempt, created_at, expires_at)
      select decode(md5(n::text), 'hex'), 'n', 'done', 1, 1, now(), now() + interval '1 day' from generate_series(1, 120000) as n`,
    );
    await database.pool.query(`analyze ${schema}.records`);
    const { answer } = await cliJson(['status', ...postgres()]);
    expect(answer).toMatchObject({ records: { done: 100_000, complete: false } });
    const { total } = (answer as { records: { total: number } }).records;
    expect(Math.abs(total - 120_000)).toBeLessThan(6_000);
    const text = await cli(['status', ...postgres()]);
    expect(text.stdout).toMatch(
      /^records +about 1[12]\d{4}; these are the counts of 100000 of them$/m,
    );
  });

  it('warns of a Redis that evicts, and counts nothing there', async () => {
    const server = await startPrivate('redis');
    const client = new Redis(server.url);
    await client.config('SET', 'maxmemory', '100mb');
    await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
    const json = await cliJson(['status', '--url', server.url]);
    expect(json).toMatchObject({
      exit: 0,
      answer: { ready: true, tables: null, records: null, findings: [{ severity: 'warning' }] },
    });
    expect((await cli(['status', '--url', server.url])).stdout).toMatch(/^warning: .*noeviction/m);

    await client.config('SET', 'requirepass', 's3cret');
    const wrong = await cli(['status', '--url', server.url.replace('://', '://:wr0ng@')]);
    expect(wrong).toMatchObject({ exit: 1, stdout: '' });
    expect(wrong.stderr).toMatch(/^WRONGPASS .*\n$/);
    expect(wrong.stderr).not.toContain('wr0ng');
    client.disconnect();
  });

  it('does not take a store for ready that it may not read', async () => {
    await storeIn().migrate();
    const role = `${schema}_reader`;
    await database.pool.query(
      `create role ${role} login password 'reader'; grant usage on schema ${schema} to ${role}; grant select on ${schema}.records_migrations to ${role}`,
    );
    try {
      const url = new URL(database.url);
      [url.username, url.password] = [role, 'reader'];
      const denied = await cliJson(['status', '--url', url.href, '--schema', schema]);
      expect(denied).toMatchObject({ exit: 1, error: { error: { code: '42501' } } });
    } finally {
      await database.pool.query(`drop owned by ${role}; drop role ${role}`);
    }
  });
});

describe('migrate and sql', () => {
  it('create the tables once, of two at the same time one, and again', async () => {
    const both = await Promise.all([1, 2].map(() => cliJson(['migrate', ...postgres()])));
    for (const one of both)
      expect(one).toMatchObject({ exit: 0, answer: { tables: { after: 1 } }, error: undefined });
    const again = await cli(['migrate', ...postgres()]);
    expect(again).toEqual({
      exit: 0,
      stdout: 'The tables in PostgreSQL are at version 1 already.\n',
      stderr: '',
    });
    expect(await storeIn().check()).toEqual([]);
  });

  it('leave nothing to do in Redis', async () => {
    const { exit, stdout } = await cli(['migrate', '--url', redis.url]);
    expect([exit, stdout]).toEqual([0, 'Redis needs no tables: there is nothing to do.\n']);
    const json = await cliJson(['migrate', '--url', redis.url]);
    expect(json.answer).toEqual({ store: 'Redis', tables: null });
  });

  it.each([
    ['--dialect', 'postgres'],
    ['--url', 'postgres://nobody@nowhere.invalid/none'],
  ])('print what can be applied by hand, without a database: %s', async (...which) => {
    // In a folder without drivers.
    const args = ['sql', ...which, '--schema', schema, '--table', 'claims'];
    const { exit, stdout } = await cli(args, { cwd: folder });
    expect(exit).toBe(0);
    // It may follow and be followed by other SQL.
    await database.pool.query(`select 1; ${stdout} ${stdout} select 1;`);
    const store = new PostgresIdempotencyStore({
      database: database.pool,
      schema,
      table: 'claims',
    });
    expect(await store.check()).toEqual([]);
    expect((await cliJson(args, { cwd: folder })).answer).toEqual({ sql: store.migrationSql() });
  });
});

describe('purge', () => {
  const insert = (count: number, state: string, expires: string, first = 1) =>
    database.pool.query(
      `insert into ${schema}.records (id, name, state, token, fence, attempt, created_at, locked_until, expires_at)
      select decode(md5(n::text), 'hex'), 'n', '${state}', 't', 1, 1, now(), case when '${state}' = 'running' then now() + interval '${expires}' end, now() + interval '${expires}'
      from generate_series(${first}, ${first + count - 1}) as n`,
    );
  const left = async (): Promise<number> =>
    (await database.pool.query(`select from ${schema}.records`)).rows.length;

  beforeEach(() => storeIn().migrate());

  it('removes what has expired to the last record, and no live claim', async () => {
    await insert(25, 'done', '-1 minute');
    await insert(2, 'running', '1 minute', 100);
    await insert(3, 'done', '1 minute', 200);
    const json = await cliJson(['purge', ...postgres(), '--limit', '10']);
    expect(json).toEqual({
      exit: 0,
      answer: { store: 'PostgreSQL', removed: 25, left: false },
      error: undefined,
    });
    expect(await left()).toBe(5);
    expect((await cli(['purge', ...postgres()])).stdout).toBe('Removed 0 records.\n');
  });

  it('waits for others that remove or hold records, says so, and finishes', async () => {
    await insert(2, 'done', '-1 minute');
    const client = await database.pool.connect();
    await client.query('begin');
    await client.query(`select from ${schema}.records limit 1 for update`);
    const release = async (): Promise<void> => {
      await client.query('commit');
      client.release();
    };
    const progress = /removing expired records in PostgreSQL, 1 so far \(\d+ s\)/;
    const result = await cliInterrupted(['purge', ...postgres()], progress, release);
    expect(result).toMatchObject({ exit: 0, stdout: 'Removed 2 records.\n' });
    expect(result.stderr).toMatch(progress);
    expect(await left()).toBe(0);
  });

  it('gives up in time on records that others do not let go of', async () => {
    await insert(2, 'done', '-1 minute');
    const client = await database.pool.connect();
    await client.query('begin');
    await client.query(`select from ${schema}.records limit 1 for update`);
    const result = await cli(['purge', ...postgres()]);
    expect(result.exit).toBe(0);
    expect(result.stdout).toMatch(/^Removed 1 record\. Some are left/);
    await client.query('rollback');
    client.release();
  });

  it('has nothing to do in Redis', async () => {
    const { exit, answer } = await cliJson(['purge', '--url', redis.url]);
    expect([exit, answer]).toEqual([0, { store: 'Redis', removed: 0, left: false }]);
  });
});

describe('--config', () => {
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return name;
  };
  const withFile = (command: string, file: string, ...rest: string[]) =>
    cliJson([command, '--config', file, ...rest], { cwd: folder });

  it('gives a store and its namespace', async () => {
    const env = { DATABASE_URL: database.url, IDEMPOTENCY_SCHEMA: schema };
    expect((await cli(['migrate', '--config', CONFIG], { env })).exit).toBe(0);
    const service = await serviceOn(storeIn());
    await service.run('k-1', async () => 'paid', { name: 'n' });
    const args = ['inspect', '--config', CONFIG, '--name', 'n', '--key', 'k-1'];
    expect(await cliJson(args, { env })).toMatchObject({ exit: 0, answer: { found: true } });
    const other = await cliJson([...args, '--namespace', 'other'], { env });
    expect(other).toMatchObject({ exit: 3, answer: { found: false } });
    expect(await cliJson(['sql', '--config', CONFIG], { env })).toMatchObject({ exit: 0 });
    const foreign = await cliJson(['status', '--config', CONFIG, '--schema', schema], { env });
    expect(foreign).toMatchObject({ exit: 2, error: { error: { code: 'USAGE' } } });
  });

  it.each([
    ['no-default.mjs', 'export const store = 1;', 2, /its default export has no store/],
    ['no-store.mjs', 'export default { store: {} };', 2, /its default export has no store/],
    ['throws.mjs', 'throw new Error("not today");', 1, /throws\.mjs: not today/],
    ['rejects.mjs', 'export default async () => { throw new Error("nor now"); };', 1, /nor now/],
    ['syntax.mjs', 'export default {', 1, /syntax\.mjs: Unexpected/],
  ])('says what is wrong with %s', async (name, text, exit, message) => {
    const result = await withFile('status', write(name, text));
    expect(result).toMatchObject({
      exit,
      error: { error: { message: expect.stringMatching(message) as string } },
    });
  });

  it('says which file is not there', async () => {
    expect(await withFile('status', 'none.mjs')).toMatchObject({
      exit: 2,
      error: { error: { message: `--config: there is no file ${join(folder, 'none.mjs')}.` } },
    });
  });

  it('says all that is wrong, and closes what was opened all the same', async () => {
    const file = write(
      'half.mjs',
      `const timer = setInterval(() => {}, 1000);
      export default { namespace: 7, close: () => clearInterval(timer) };`,
    );
    const { exit, error } = await withFile('status', file);
    expect(exit).toBe(2);
    expect(error).toMatchObject({
      error: {
        message: expect.stringMatching(/has no store.*\n.*namespace: it is no text/) as string,
      },
    });
  });

  it('tells what was done although it could not be closed', async () => {
    const file = write(
      'unclosable.mjs',
      `const store = { label: 'mine', get: async () => {}, remove: async () => true, purge: async () => 0, check: async () => [] };
      export default { store, close: () => { throw new Error('too late'); } };`,
    );
    const result = await cli(['forget', '--config', file, '--id', NO_ID], { cwd: folder });
    expect(result).toMatchObject({
      exit: 0,
      stdout: expect.stringMatching(/^Forgotten/) as string,
      stderr: 'nest-idempotency: the store could not be closed: too late\n',
    });
  });

  it('ends although the file left something open, and says so', async () => {
    const file = write(
      'open.mjs',
      `setInterval(() => {}, 1000);
      export default { store: { label: 'mine', get: async () => {}, remove: async () => false, purge: async () => 0, check: async () => [] } };`,
    );
    const result = await cli(['status', '--config', file], { cwd: folder });
    expect(result.exit).toBe(0);
    expect(result.stdout).toMatch(/^store +mine$/m);
    expect(result.stderr).toMatch(/Export a close\(\)/);
  });
});

describe('drivers', () => {
  const project = (name: string, ...packages: string[]): string => {
    const root = join(folder, name);
    const modules = join(root, 'node_modules');
    mkdirSync(modules, { recursive: true });
    writeFileSync(join(root, 'package.json'), '{ "type": "commonjs" }');
    const require = createRequire(import.meta.url);
    for (const one of packages)
      symlinkSync(
        realpathSync(dirname(require.resolve(`${one}/package.json`))),
        join(modules, one),
      );
    return root;
  };

  it.each([
    ['postgres://h/db', 'npm install pg'],
    ['redis://h', 'npm install ioredis'],
  ])('that are missing are named: %s', async (url, remedy) => {
    const missing = await cliJson(['status', '--url', url], { cwd: folder });
    expect(missing).toMatchObject({
      exit: 1,
      error: {
        error: { code: 'DRIVER_MISSING', message: expect.stringContaining(remedy) as string },
      },
    });
  });

  it('may be node-redis, in a CommonJS project', async () => {
    const cwd = project('node-redis', 'redis');
    const args = ['--url', redis.url, '--prefix', redis.prefix];
    expect(await cliJson(['status', ...args], { cwd })).toMatchObject({
      exit: 0,
      answer: { store: 'Redis', ready: true },
    });
    const store = new RedisIdempotencyStore(redis.client, { prefix: redis.prefix });
    const claim = { id: NO_ID, name: 'n', fingerprint: undefined, token: 't', lockTtlMs: 60_000 };
    await store.claim(claim);
    expect((await cli(['release', ...args, '--id', NO_ID], { cwd })).exit).toBe(0);
    const dead = await cliJson(['status', '--url', `redis://127.0.0.1:${await freePort()}`], {
      cwd,
    });
    expect(dead).toMatchObject({ exit: 1, error: { error: { code: 'ECONNREFUSED' } } });
  });
});

describe('what cannot be done', () => {
  it.each(['postgres://ann:s3cret@', 'redis://:s3cret@'])(
    'a store that cannot be reached ends with 1, without the password: %s',
    async (url) => {
      const args = ['status', '--url', `${url}127.0.0.1:${await freePort()}/0`];
      const text = await cli(args);
      expect(text).toMatchObject({ exit: 1, stdout: '' });
      expect(text.stderr).toMatch(
        /^The store cannot be reached \(connect ECONNREFUSED [\d.:]+\)\..*host and port\.\n$/,
      );
      const json = await cliJson(args);
      expect(json).toMatchObject({ exit: 1, error: { error: { code: 'ECONNREFUSED' } } });
      expect(text.stderr + JSON.stringify(json)).not.toContain('s3cret');
    },
  );

  it('a cluster is not taken for one server', async () => {
    const cluster = await startRedisCluster();
    const url = cluster.urls[0]!;
    const ids = Array.from({ length: 8 }, (_, n) => `${n}`.repeat(64));
    const all = await Promise.all(ids.map((id) => cliJson(['inspect', '--url', url, '--id', id])));
    const moved = all.filter(({ exit }) => exit === 1);
    expect(moved.length).toBeGreaterThan(0);
    for (const { error } of moved)
      expect(error).toMatchObject({
        error: { message: expect.stringMatching(/Redis Cluster.*--config/) as string },
      });
  });

  it.each([
    [['status'], /--url .* or --config/],
    [['status', '--nope'], /--nope/],
  ])('wrong usage ends with 2: %j', async (args, message) => {
    const text = await cli(args);
    expect(text).toMatchObject({ exit: 2, stdout: '' });
    expect(text.stderr).toMatch(message);
    const json = await cliJson(args);
    expect(json).toMatchObject({ exit: 2, answer: undefined, error: { error: { code: 'USAGE' } } });
  });

  it('help and version are no failure', async () => {
    const help = await cli(['purge', '--help']);
    expect(help).toMatchObject({ exit: 0, stderr: '' });
    expect(help.stdout).toContain('--limit N');
    expect(await cli(['--version'])).toEqual({ exit: 0, stdout: `${version}\n`, stderr: '' });
  });
});
