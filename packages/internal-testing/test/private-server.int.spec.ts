import { startPrivate, TestingError, waitFor } from '@acme/internal-testing';
import { connect } from 'amqplib';
import { Redis } from 'ioredis';
import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import { expect, test } from 'vitest';
import { isRunning, sharedMemoryOf } from './support/processes.js';
import { services } from '../src/services/servers/index.js';
import { PrivateServer } from '../src/services/private-server.js';

async function query(url: string, sql: string, timeoutMs = 5_000): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url, query_timeout: timeoutMs });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

test('PostgreSQL keeps its data over a restart and over kill -9, on the same address', async () => {
  const server = await startPrivate('postgres');
  await query(server.url, 'create table orders as select 1 as id');
  const first = server.pid;
  expect(server.output()).toContain('database system is ready to accept connections');

  await server.restart();
  await expect(query(server.url, 'select * from orders')).resolves.toEqual([{ id: 1 }]);
  expect(server.pid).not.toBe(first);

  await query(server.url, 'insert into orders values (2)');
  await server.kill('SIGKILL');
  expect(isRunning(server.pid)).toBe(false);
  await expect(query(server.url, 'select 1')).rejects.toThrow('ECONNREFUSED');
  await server.restart();
  await expect(query(server.url, 'select * from orders')).resolves.toEqual([{ id: 1 }, { id: 2 }]);
});

test('a killed PostgreSQL leaves no shared memory behind when it is not started again', async () => {
  const server = await startPrivate('postgres');
  const { pid } = server;
  expect(sharedMemoryOf([pid])).toHaveLength(1);
  await server.kill('SIGKILL');
  await server.stop();
  expect(sharedMemoryOf([pid])).toEqual([]);
});

test('a halted server is gone until it is started again', async () => {
  const server = await startPrivate('redis', { settings: { appendonly: 'yes' } });
  const client = new Redis(server.url);
  client.on('error', () => {});
  await client.set('order', '1');

  await server.halt();
  expect(isRunning(server.pid)).toBe(false);
  await waitFor(() => client.status === 'reconnecting');

  await server.restart();
  await expect(client.get('order')).resolves.toBe('1');
  client.disconnect();
});

test('a frozen server keeps its connections and answers after it is continued', async () => {
  const server = await startPrivate('postgres');
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  await server.kill('SIGSTOP');
  let answered = false;
  const answer = client.query('select 1 as one').then(({ rows }) => {
    answered = true;
    return rows;
  });
  await expect(waitFor(() => answered, { deadlineMs: 200 })).rejects.toThrow('Waited 200 ms');

  await server.kill('SIGCONT');
  await expect(answer).resolves.toEqual([{ one: 1 }]);
  await client.end();
});

test('a frozen server can be stopped', async () => {
  const server = await startPrivate('postgres');
  await server.kill('SIGSTOP');
  await server.stop();
  expect(isRunning(server.pid)).toBe(false);
});

test('settings are the server’s own', async () => {
  const server = await startPrivate('postgres', { settings: { max_connections: '7' } });
  await expect(query(server.url, 'show max_connections')).resolves.toEqual([
    { max_connections: '7' },
  ]);
});

test('a setting that the server refuses: the error shows what the server wrote', async () => {
  const starting = startPrivate('postgres', { settings: { no_such_setting: '7' } });
  await expect(starting).rejects.toMatchObject({
    code: 'SERVER_NOT_STARTED',
    message: expect.stringContaining('unrecognized configuration parameter "no_such_setting"'),
  });
});

test(
  'a broker in memory alarm blocks publishers, and is well again',
  { timeout: 120_000 },
  async () => {
    const server = await startPrivate('rabbitmq');
    const connection = await connect(server.url);
    connection.on('error', () => {});
    const events: string[] = [];
    connection.on('blocked', () => events.push('blocked'));
    connection.on('unblocked', () => events.push('unblocked'));
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue('orders');

    await server.control('set_vm_memory_high_watermark', 'absolute', '1');
    channel.sendToQueue('orders', Buffer.from('1'));
    await waitFor(() => events.includes('blocked'), { what: 'the alarm' });
    await server.control('set_vm_memory_high_watermark', '0.4');
    await waitFor(() => events.includes('unblocked'), { what: 'the end of the alarm' });
    await channel.waitForConfirms();
    expect(events).toEqual(['blocked', 'unblocked']);
    await connection.close();
  },
);

test(
  'a server holds nothing at first, and then what clients have made',
  { timeout: 120_000 },
  async () => {
    const names = ['postgres', 'rabbitmq', 'mariadb'] as const;
    const [postgres, rabbitmq, mariadb] = await Promise.all(
      names.map((name) => startPrivate(name)),
    );
    const contents = () =>
      Promise.all([
        services.postgres.contents(postgres!.env),
        services.rabbitmq.contents(rabbitmq!.env),
        services.mariadb.contents(mariadb!.env),
      ]);
    // The management API may be there a moment later than the broker.
    const atFirst = await waitFor(contents, { what: 'the management API' });
    expect(atFirst).toEqual([[], [], []]);

    await query(postgres!.url, 'create schema shop; create table orders (id int)');
    const broker = await connect(rabbitmq!.url);
    broker.on('error', () => {});
    const channel = await broker.createChannel();
    await channel.assertQueue('orders');
    await channel.assertQueue('', { exclusive: true });
    await channel.assertExchange('events', 'topic');
    const connection = await createConnection({ uri: mariadb!.url });
    await connection.query('create database shop');
    expect(await contents()).toEqual([
      ['schema shop', 'relation public.orders'],
      ['queue orders in virtual host /', 'exchange events in virtual host /'],
      ['database shop'],
    ]);
    await broker.close();
    await connection.end();
  },
);

test('a control command that fails rejects with what it wrote', async () => {
  const server = await startPrivate('redis');
  await expect(server.control('ping')).rejects.toMatchObject({ code: 'NO_CONTROL_TOOL' });
});

test('a port that was taken in the meantime costs another attempt', async () => {
  const { redis } = services;
  const recipe = redis.locate();
  if (!recipe) throw new TestingError('NO_REDIS', 'startPrivate above has installed it.');
  let attempts = 0;
  const server = await PrivateServer.start(redis, {
    ...recipe,
    processes: (place) =>
      ++attempts === 1
        ? [{ name: 'redis', file: 'sh', args: ['-c', 'echo "Address already in use"; exit 1'] }]
        : recipe.processes(place),
  });
  await expect(redis.ping(server.url, 1_000)).resolves.toMatch(/^\d/);
  expect(attempts).toBe(2);
});
