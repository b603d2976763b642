import { freePort, spawnChild, startPrivate, waitFor } from '@acme/internal-testing';
import { provideServices } from '@acme/internal-testing/services';
import { Redis } from 'ioredis';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { services } from '../src/services/servers/index.js';
import { installBinaries } from '../src/services/start-private.js';
import { isRunning, processesUnder, sharedMemoryOf } from './support/processes.js';

const ADDRESSES = ['DATABASE_URL', 'AMQP_URL', 'RABBITMQ_MANAGEMENT_URL', 'REDIS_URL', 'MYSQL_URL'];
const provider = new URL('./children/provider.mjs', import.meta.url);
const fakeDocker = fileURLToPath(new URL('./fake-docker', import.meta.url));
const original = { redis: { ...services.redis }, mariadb: { ...services.mariadb } };
const { redis } = services;
/** Four servers on a machine that has other things to do as well. */
const SLOW = 120_000;
let folder: string;
let lines: string[];
const log = (line: string) => void lines.push(line);

// Not there yet where every address is given.
beforeAll(() => installBinaries(Object.values(services)), 10 * 60_000);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'provide-'));
  chmodSync(folder, 0o1777);
  lines = [];
  for (const name of ADDRESSES) vi.stubEnv(name, undefined);
  // Without an engine unless a test wants one, and never at the machine's own default port.
  vi.stubEnv('PATH', `${fakeDocker}:${process.env['PATH']}`);
  vi.stubEnv('FAKE_DOCKER', folder);
  Object.assign(redis, { defaultUrls: [`redis://127.0.0.1:${await freePort()}`] });
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  Object.assign(redis, original.redis);
  Object.assign(services.mariadb, original.mariadb);
  rmSync(folder, { recursive: true });
});

test('an address from the environment is used, and that server is left alone', async () => {
  const server = await startPrivate('redis');
  vi.stubEnv('REDIS_URL', server.url);

  const provided = await provideServices({ need: ['redis'], log });
  expect(provided.env).toEqual({ REDIS_URL: server.url });
  expect(lines).toEqual([expect.stringMatching(/^Redis: \d\S+, from REDIS_URL$/)]);
  await expect(provided.leftBehind()).resolves.toEqual([]);
  await provided.stop();
  expect(isRunning(server.pid)).toBe(true);
});

test('an address from the environment that does not answer is an error, and never replaced', async () => {
  const dead = await freePort();
  vi.stubEnv('REDIS_URL', `redis://:secret@127.0.0.1:${dead}`);
  await expect(provideServices({ need: ['redis'], log })).rejects.toMatchObject({
    code: 'SERVICE_URL_DEAD',
    message: [
      `REDIS_URL=redis://:***@127.0.0.1:${dead} does not answer as Redis: connect ECONNREFUSED 127.0.0.1:${dead}`,
      'Start that server or correct the address; or unset REDIS_URL to have one provided.',
    ].join('\n'),
  });
});

test('a server on the default port is used, and left alone', async () => {
  const server = await startPrivate('redis');
  Object.assign(redis, { defaultUrls: ['redis://127.0.0.1:1', server.url] });

  const provided = await provideServices({ need: ['redis'], log });
  expect(provided.env).toEqual({ REDIS_URL: server.url });
  expect(lines).toEqual([expect.stringMatching(/^Redis: \d\S+, on its default port$/)]);
  await provided.stop();
  expect(isRunning(server.pid)).toBe(true);
});

test('the default ports and logins are the servers’ own', () => {
  expect(services.postgres.defaultUrls).toEqual([
    'postgres://postgres:postgres@127.0.0.1:5432/postgres',
  ]);
  expect(services.rabbitmq.defaultUrls).toEqual(['amqp://guest:guest@127.0.0.1:5672']);
  expect(original.redis.defaultUrls).toEqual(['redis://127.0.0.1:6379']);
  expect(services.mariadb.defaultUrls[0]).toBe('mysql://root:root@127.0.0.1:3306');
});

test('where a Docker engine answers, a container is run, and removed afterwards', async () => {
  const port = await freePort();
  vi.stubEnv('FAKE_ENGINE', 'yes');
  vi.stubEnv('FAKE_PORT', String(port));

  const provided = await provideServices({ need: ['redis'], log });
  expect(provided.env).toEqual({ REDIS_URL: `redis://127.0.0.1:${port}` });
  expect(lines).toEqual(['Redis: container redis:7']);
  const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'));
  await provided.stop();
  await waitFor(() => !isRunning(pid), { what: 'the end of the container' });

  const [, run, , remove] = readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n');
  const [, name] = /--name (acme-redis-\S+)/.exec(run as string) ?? [];
  expect(run).toMatch(/^run --detach --rm .* --publish 127\.0\.0\.1::6379 redis:7 redis-server/);
  expect(remove).toBe(`rm --force --volumes ${name}`);
});

test('a server is ended with the run even when its folder was removed before', async () => {
  const child = spawnChild(provider, { args: ['redis'], env: { TMPDIR: folder } });
  const { env } = await child.receive<{ env: { REDIS_URL: string } }>(undefined, {
    deadlineMs: SLOW,
  });
  for (const name of readdirSync(folder).filter((one) => one.startsWith('acme-redis-'))) {
    rmSync(join(folder, name), { recursive: true });
  }
  const answers = () => redis.ping(env.REDIS_URL, 1_000).then(Boolean, () => false);
  await expect(answers()).resolves.toBe(true);
  await child.kill('SIGKILL');
  await waitFor(async () => !(await answers()), { what: 'the end of the server' });
});

test('a container is removed when the run is killed', async () => {
  const port = await freePort();
  const child = spawnChild(provider, {
    args: ['redis'],
    env: { FAKE_ENGINE: 'yes', FAKE_PORT: String(port) },
  });
  const { lines: said } = await child.receive<{ lines: string[] }>();
  expect(said).toEqual(['Redis: container redis:7']);
  const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'));

  await child.kill('SIGKILL');
  await waitFor(() => !isRunning(pid), { what: 'the end of the container' });
});

test('a container that cannot be run is no obstacle to the installed binaries', async () => {
  vi.stubEnv('FAKE_ENGINE', 'broken');
  const provided = await provideServices({ need: ['redis'], log });
  expect(lines[0]).toMatch(/^Redis: no container \(.*docker run/);
  expect(lines[1]).toMatch(/^Redis: \d\S+, private instance on port \d+$/);
  await provided.stop();
});

test('when nothing works, one error tells what was tried and what to do', async () => {
  Object.assign(redis, { defaultUrls: ['redis://127.0.0.1:1'], locate: () => undefined });
  vi.spyOn(process, 'getuid').mockReturnValue(1000);
  await expect(provideServices({ need: ['redis'], log })).rejects.toMatchObject({
    code: 'SERVICES_UNAVAILABLE',
    message: [
      'No Redis to be had. Tried:',
      '  - environment: REDIS_URL not set',
      '  - default ports: redis://127.0.0.1:1 do not answer',
      '  - container: no Docker engine answers',
      '  - Debian packages: we are not root',
      'What to do: set REDIS_URL; or start Docker; or, as root on Debian, apt-get install --no-install-recommends redis-server',
    ].join('\n'),
  });
  await expect(startPrivate('redis')).rejects.toMatchObject({
    code: 'PRIVATE_SERVER_UNAVAILABLE',
    message: expect.stringContaining('A private Redis is needed'),
  });
});

test('when one cannot be started, the others are stopped', async () => {
  vi.stubEnv('TMPDIR', folder);
  const processes = () => [{ name: 'mariadb', file: 'false', args: [] }];
  Object.assign(services.mariadb, {
    defaultUrls: [],
    locate: () => ({ ...original.mariadb.locate(), processes }),
  });
  await expect(provideServices({ need: ['redis', 'mariadb'], log })).rejects.toMatchObject({
    code: 'SERVER_NOT_STARTED',
    message: expect.stringMatching(/^MariaDB ended with exit code 1/),
  });
  expect(lines).toEqual([expect.stringMatching(/^Redis: .* private instance/)]);
  expect(processesUnder(folder)).toEqual([]);
  expect(readdirSync(folder)).toEqual(['calls']);
});

test('what clients have left in a server that was started for them is told', async () => {
  const provided = await provideServices({ need: ['redis'], log });
  await expect(provided.leftBehind()).resolves.toEqual([]);
  const client = new Redis(provided.env['REDIS_URL'] as string);
  await client.set('orders:1', 'x');
  await client.quit();
  await expect(provided.leftBehind()).resolves.toEqual(['Redis: key orders:1']);
  await provided.stop();
});

test('a temporary folder that is root’s own is no place for servers that are not root', async () => {
  chmodSync(folder, 0o700);
  vi.stubEnv('TMPDIR', folder);
  const server = await startPrivate('redis');
  await expect(redis.ping(server.url, 1_000)).resolves.toMatch(/^\d/);
});

test(
  'all four are started, and stop leaves no process and no file',
  { timeout: SLOW },
  async () => {
    const child = spawnChild(provider, {
      args: ['postgres,rabbitmq,redis,mariadb'],
      env: { TMPDIR: folder },
    });
    const { env, lines: said } = await child.receive<{
      env: Record<string, string>;
      lines: string[];
    }>(undefined, { deadlineMs: SLOW });
    expect(said.map((line) => line.split(':')[0]).sort()).toEqual([
      'MariaDB',
      'PostgreSQL',
      'RabbitMQ',
      'Redis',
    ]);
    expect(Object.keys(env).sort()).toEqual([...ADDRESSES].sort());
    expect(processesUnder(folder).length).toBeGreaterThanOrEqual(5);

    child.send('stop');
    await child.receive(undefined, { deadlineMs: 30_000 });
    expect(processesUnder(folder)).toEqual([]);
    expect(readdirSync(folder)).toEqual(['calls']);
  },
);

test('the servers do not outlive a run that is killed', { timeout: SLOW }, async () => {
  const child = spawnChild(provider, {
    args: ['postgres,rabbitmq,redis,mariadb'],
    env: { TMPDIR: folder },
  });
  await child.receive(undefined, { deadlineMs: SLOW });
  const before = processesUnder(folder);
  expect(before.length).toBeGreaterThanOrEqual(5);

  await child.kill('SIGKILL');

  await waitFor(() => processesUnder(folder).length === 0, { what: 'the end of the servers' });
  await waitFor(() => readdirSync(folder).join() === 'calls', { what: 'the removal of the files' });
  expect(before.filter(isRunning)).toEqual([]);
  expect(sharedMemoryOf(before)).toEqual([]);
});
