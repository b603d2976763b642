import {
  closeFixtures,
  ManagementApi,
  startPrivate,
  testBroker,
  testDatabase,
  testMariaDatabase,
  testRedis,
  waitFor,
} from '@acme/internal-testing';
import { Redis } from 'ioredis';
import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { discover } from '../src/services/servers/rabbitmq.js';

// Where only AMQP_URL is given, nothing tells where that broker's management API is.
beforeAll(async () => {
  if (process.env['RABBITMQ_MANAGEMENT_URL']) return;
  Object.assign(process.env, (await startPrivate('rabbitmq')).env);
});

afterEach(() => {
  vi.unstubAllEnvs();
});

test('testDatabase gives each caller a schema of its own, and drops it', async () => {
  const [one, other] = await Promise.all([testDatabase(), testDatabase()]);
  await one.pool.query('create table orders (id int)');
  await other.pool.query('create table orders (id int)');
  await one.pool.query('insert into orders values (1)');

  const seen = await other.pool.query('select * from orders');
  const path = await one.pool.query('select current_schema() as schema');
  expect(seen.rows).toEqual([]);
  expect(path.rows).toEqual([{ schema: one.schema }]);
  const further = `${one.schema}_further`;
  await one.pool.query(`create schema ${further}`);

  await one.close();
  await expect(schemas(one.schema, further, other.schema)).resolves.toHaveLength(1);
  await other.close();
  await expect(schemas(other.schema)).resolves.toEqual([]);
});

test('testDatabase says so when a forgotten transaction keeps the schema from being dropped', async () => {
  const database = await testDatabase();
  await database.pool.query('create table orders (id int)');
  const forgotten = new pg.Client({ connectionString: database.url });
  await forgotten.connect();
  await forgotten.query('begin; insert into orders values (1)');

  await expect(database.close()).rejects.toThrow(/lock timeout/);

  await forgotten.query(`rollback; drop schema ${database.schema} cascade`);
  await forgotten.end();
});

test('testMariaDatabase gives a database of its own, and drops it', async () => {
  const database = await testMariaDatabase();
  await database.pool.query('create table orders (id int primary key)');
  const [rows] = await database.pool.query('select database() as name');
  expect(rows).toEqual([{ name: database.database }]);

  await database.close();
  const connection = await createConnection({ uri: process.env['MYSQL_URL'] as string });
  const [left] = await connection.query('show databases like ?', [database.database]);
  await connection.end();
  expect(left).toEqual([]);
});

test('testRedis deletes its own keys and no others', async () => {
  const [one, other] = await Promise.all([testRedis(), testRedis()]);
  await one.client.set(one.name('a'), '1');
  await other.client.set(other.name('a'), '2');

  await one.close();

  await expect(other.client.exists(one.name('a'))).resolves.toBe(0);
  await expect(other.client.get(other.name('a'))).resolves.toBe('2');
});

test('testRedis cleans up even after its client was closed', async () => {
  const fixture = await testRedis();
  await fixture.client.set(fixture.name('a'), '1');
  await fixture.client.quit();
  await fixture.close();

  const client = new Redis(fixture.url);
  await expect(client.exists(fixture.name('a'))).resolves.toBe(0);
  client.disconnect();
});

test('testBroker gives a virtual host of its own, and deletes it', async () => {
  const [one, other] = await Promise.all([testBroker(), testBroker()]);
  const queue = one.name('orders');
  const channel = await one.confirmChannel();
  await channel.assertQueue(queue);
  channel.sendToQueue(queue, Buffer.from('first'));
  channel.sendToQueue(queue, Buffer.from('second'));
  await channel.waitForConfirms();

  await waitFor(async () => (await one.queue(queue))?.messages === 2, { what: 'two messages' });
  await expect(other.queue(queue)).resolves.toBeUndefined();
  const taken = await one.take(queue);
  expect(taken.map(({ content }) => content.toString())).toEqual(['first', 'second']);

  await one.close();
  const vhosts = await other.management?.call<{ name: string }[]>('GET', 'vhosts');
  expect(vhosts?.map(({ name }) => name)).not.toContain(one.vhost);
});

test('testBroker without a management API shares the virtual host and deletes what it named', async () => {
  const api = new ManagementApi(process.env['RABBITMQ_MANAGEMENT_URL'] as string);
  vi.stubEnv('RABBITMQ_MANAGEMENT_URL', undefined);
  const [one, other] = await Promise.all([testBroker(), testBroker()]);
  vi.unstubAllEnvs();
  expect(one.vhost).toBeUndefined();
  for (const { channel, name } of [one, other]) {
    const declaring = await channel();
    await declaring.assertQueue(name('orders'));
    await declaring.assertExchange(name('events'), 'topic');
  }
  const left = async (what: 'queues' | 'exchanges') => {
    const listed = await api.call<{ name: string }[]>('GET', `${what}/%2F`);
    const names = ['orders', 'events'].flatMap((x) => [one.name(x), other.name(x)]);
    return listed.flatMap(({ name }) => (names.includes(name) ? [name] : []));
  };

  // What the spec did to the fixture's connection does not matter.
  await one.connection.close();
  await one.close();
  expect(await left('queues')).toEqual([other.name('orders')]);
  expect(await left('exchanges')).toEqual([other.name('events')]);
  await other.close();
  expect([...(await left('queues')), ...(await left('exchanges'))]).toEqual([]);
});

test('testBroker refuses names that are not its own, wherever it can see them', async () => {
  const broker = await testBroker();
  const channel = await broker.channel();
  await channel.assertQueue(broker.name('orders'));
  await channel.assertQueue('', { exclusive: true });
  await channel.assertQueue('orders');
  await channel.assertExchange('events', 'topic');

  await expect(broker.close()).rejects.toMatchObject({
    code: 'NAMES_NOT_OWN',
    message: expect.stringMatching(/^This spec file declared queue orders, exchange events\. Take/),
  });
});

test('the broker has the plugins that the packages rely on', async () => {
  const { channel, name } = await testBroker();
  await expect(
    (await channel()).assertExchange(name('hash'), 'x-consistent-hash'),
  ).resolves.toEqual({
    exchange: name('hash'),
  });
});

test('the management API is found where it belongs to the broker and to the login', async () => {
  const amqp = process.env['AMQP_URL'] as string;
  const given = process.env['RABBITMQ_MANAGEMENT_URL'] as string;
  const port = Number(new URL(given).port);
  await expect(discover(amqp)).resolves.toEqual({ RABBITMQ_MANAGEMENT_URL: given });

  vi.stubEnv('RABBITMQ_MANAGEMENT_URL', undefined);
  const { username, password, hostname } = new URL(amqp);
  await expect(discover(amqp, port)).resolves.toEqual({
    RABBITMQ_MANAGEMENT_URL: `http://${username}:${password}@${hostname}:${port}`,
  });
  const another = new URL(amqp);
  another.port = '1';
  await expect(discover(another.href, port)).resolves.toEqual({});
  await expect(discover(amqp, 1)).resolves.toEqual({});
});

test('a call that the management API refuses tells what and why', async () => {
  const api = new ManagementApi(process.env['RABBITMQ_MANAGEMENT_URL'] as string);
  await expect(api.call('GET', 'vhosts/no-such-vhost')).rejects.toMatchObject({
    code: 'MANAGEMENT_API_REFUSED',
    message: expect.stringMatching(/^GET \/api\/vhosts\/no-such-vhost: 404/),
  });
});

test('without an address the error says how to run the specs', async () => {
  vi.stubEnv('DATABASE_URL', undefined);
  await expect(testDatabase()).rejects.toMatchObject({
    code: 'SERVICE_URL_MISSING',
    message: expect.stringContaining('npm run test:int'),
  });
});

test('closeFixtures closes what is open, the youngest first, and only once', async () => {
  const database = await testDatabase();
  await closeFixtures();
  expect(database.pool.ended).toBe(true);
  await expect(database.close()).resolves.toBeUndefined();
});

async function schemas(...names: string[]): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: process.env['DATABASE_URL'] as string });
  await client.connect();
  const { rows } = await client.query('select 1 from pg_namespace where nspname = any($1)', [
    names,
  ]);
  await client.end();
  return rows;
}
