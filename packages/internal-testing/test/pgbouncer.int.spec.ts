import {
  type PrivateServer,
  startPgBouncer,
  startPrivate,
  testDatabase,
  type TestDatabase,
} from '@acme/internal-testing';
import pg from 'pg';
import { beforeAll, expect, test } from 'vitest';
import { isRunning } from './support/processes.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});

async function connectedTo({ url }: PrivateServer): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  return client;
}

async function backendOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]!.pid;
}

test('a connection to the server is a client’s for one transaction', async () => {
  const bouncer = await startPgBouncer({ upstream: database.url, poolSize: 1 });
  const [one, other] = [await connectedTo(bouncer), await connectedTo(bouncer)];
  const backend = await backendOf(one);
  await expect(backendOf(other)).resolves.toBe(backend);

  await one.query('begin');
  let answered = false;
  const waiting = backendOf(other).then((pid) => {
    answered = true;
    return pid;
  });
  await expect(backendOf(one)).resolves.toBe(backend);
  expect(answered).toBe(false);
  await one.query('commit');
  await expect(waiting).resolves.toBe(backend);
  await Promise.all([one.end(), other.end()]);
  await bouncer.stop();
});

test('what belongs to a session is lost: a lock of one client is another one’s', async () => {
  const bouncer = await startPgBouncer({ upstream: database.url, poolSize: 1 });
  const [one, other] = [await connectedTo(bouncer), await connectedTo(bouncer)];
  await one.query('select pg_advisory_lock(1)');
  const { rows } = await other.query('select pg_advisory_unlock(1) as unlocked');
  expect(rows).toEqual([{ unlocked: true }]);
  await Promise.all([one.end(), other.end()]);
  await bouncer.stop();
});

test('the schema of the upstream address holds on every connection', async () => {
  await database.pool.query('create table orders as select 7 as id');
  const bouncer = await startPgBouncer({ upstream: database.url });
  const pool = new pg.Pool({ connectionString: bouncer.url, max: 5 });
  const answers = await Promise.all(Array.from({ length: 5 }, () => pool.query('table orders')));
  expect(answers.map(({ rows }) => rows)).toEqual(Array(5).fill([{ id: 7 }]));
  await pool.end();
  await bouncer.stop();
});

test('a login of the upstream address needs no thought about quoting', async () => {
  const server = await startPrivate('postgres');
  const direct = new pg.Client({ connectionString: server.url });
  await direct.connect();
  await direct.query(`create role "o'b=x y" login password 'p''=; #%\\"'`);
  await direct.end();
  const upstream = new URL(server.url);
  upstream.username = encodeURIComponent(`o'b=x y`);
  upstream.password = encodeURIComponent(`p'=; #%\\"`);

  const bouncer = await startPgBouncer({ upstream: upstream.href });
  const client = await connectedTo(bouncer);
  const { rows } = await client.query('select current_user');
  expect(rows).toEqual([{ current_user: `o'b=x y` }]);
  await client.end();
  await Promise.all([bouncer.stop(), server.stop()]);
});

test('it is killed and started again on the same address, and then is gone', async () => {
  const bouncer = await startPgBouncer({ upstream: database.url });
  const client = await connectedTo(bouncer);
  const first = bouncer.pid;
  await bouncer.kill('SIGKILL');
  expect(isRunning(first)).toBe(false);
  await expect(client.query('select 1')).rejects.toThrow(/terminated unexpectedly|not queryable/);

  await bouncer.restart();
  const again = await connectedTo(bouncer);
  await expect(backendOf(again)).resolves.toBeGreaterThan(0);
  await again.end();
  await bouncer.stop();
  expect(isRunning(bouncer.pid)).toBe(false);
});

test('a setting that it refuses: the error shows what it wrote', async () => {
  const starting = startPgBouncer({
    upstream: database.url,
    settings: { no_such_setting: '7' },
  });
  await expect(starting).rejects.toMatchObject({
    code: 'SERVER_NOT_STARTED',
    message: expect.stringMatching(/^PgBouncer ended with exit code 1.*no_such_setting/s),
  });
});
