// Servers go down and come back, each a private instance, while services add and relays publish. What counts is what the tables
// and the queue hold in the end. `CHAOS=full` kills the servers as well, and troubles the broker with each database.
import { startPrivate, takeAll, waitFor, type PrivateServer } from '@acme/internal-testing';
import { connect, type ChannelModel } from 'amqplib';
import { createPool } from 'mysql2/promise';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openOutboxApp, outboxRows } from './support/outbox-app.js';
import { mariaDbAt, postgresAt, type OutboxDatabase } from './support/outbox-database.js';
import { firstOccurrences, orderViolations } from './support/arrivals.js';
import { emptied, FULL, spawnRelay, WINDOW } from './support/relays.js';

const TIMEOUT = 240_000;
const LONG = { deadlineMs: 100_000 };
const lease = '2s';

type Fault = (server: PrivateServer) => Promise<void>;

const restarted: Fault = (server) => server.restart();
const killed: Fault = async (server) => {
  await server.kill('SIGKILL');
  await server.restart();
};

/** What somebody sees who connects to the broker now: a connection from before a restart is dead. */
async function look<T>(url: string, work: (connection: ChannelModel) => Promise<T>): Promise<T> {
  const connection = await connect(url);
  connection.on('error', () => {});
  try {
    return await work(connection);
  } finally {
    await connection.close().catch(() => {});
  }
}

/** A database in a server of its own. */
interface Started {
  readonly server: PrivateServer;
  readonly database: OutboxDatabase;
  end(): Promise<void>;
}

const SERVERS: Readonly<Record<string, () => Promise<Started>>> = {
  PostgreSQL: async () => {
    const server = await startPrivate('postgres');
    const pool = new pg.Pool({ connectionString: server.url, max: 6 });
    pool.on('error', () => {});
    return { server, database: postgresAt(server.url, pool), end: () => pool.end() };
  },
  MariaDB: async () => {
    const server = await startPrivate('mariadb');
    const root = createPool({ uri: server.url });
    await root.query('create database shop');
    await root.end();
    const url = `${server.url}/shop`;
    const pool = createPool({ uri: url, connectionLimit: 6 });
    return { server, database: mariaDbAt(url, pool), end: () => pool.end() };
  },
};

let rabbitmq: PrivateServer;
let queues = 0;
beforeAll(async () => {
  rabbitmq = await startPrivate('rabbitmq');
}, TIMEOUT);

describe.each(Object.keys(SERVERS))('on %s, while relays publish and services add', (name) => {
  let started: Started;
  let database: OutboxDatabase;
  let queue: string;
  beforeAll(async () => {
    started = await SERVERS[name]!();
    ({ database } = started);
  }, TIMEOUT);
  afterAll(() => started.end());
  beforeEach(async () => {
    queue = `q${++queues}`;
    await look(rabbitmq.url, async (connection) =>
      (await connection.createChannel()).assertQueue(queue, { durable: true }),
    );
    await database.query('drop table if exists orders');
    await database.query(
      'create table orders (customer varchar(9), n integer, primary key (customer, n))',
    );
  });

  const ready = () =>
    look(
      rabbitmq.url,
      async (connection) =>
        (await (await connection.createChannel()).checkQueue(queue)).messageCount,
    );
  const grows = async (by: number) => {
    const before = await ready();
    await waitFor(async () => (await ready()) >= before + by, {
      ...LONG,
      what: `${by} more messages in the queue`,
    });
  };

  /** Four services that add one message with each order, and go on when something fails; up to a backlog of a thousand or so. */
  const produce = async () => {
    const { outbox, transactions, close } = await openOutboxApp(database, rabbitmq, {
      relay: { mode: 'off' },
    });
    let stopped = false;
    const isShort = async () => ((await outboxRows(database))?.pending ?? 0) < 1_000;
    const order = (key: string, n: number) =>
      transactions.run(async () => {
        const insert = `insert into orders (customer, n) values ('${key}', ${n})`;
        await transactions.current().query(insert);
        await outbox.add({ type: queue, key, payload: { key, n } });
        if (n % 5 === 4) throw new Error('rolled back');
      });
    const produceOne = async (key: string): Promise<void> => {
      for (let n = 0; !stopped; n += 1) {
        const failed = await order(key, n).then(
          () => false,
          (error: Error) => error.message !== 'rolled back',
        );
        if (failed) await waitFor(() => database.query('select 1'), LONG);
        if (n % 50 === 0) await waitFor(async () => stopped || (await isShort()), LONG);
      }
    };
    const running = Promise.all(['a', 'b', 'c', 'd'].map(produceOne));
    return async () => {
      stopped = true;
      await running;
      await close();
    };
  };

  /** Exactly what was committed has arrived, in order; so many windows may have come twice. */
  const complete = async (windows: number): Promise<void> => {
    await emptied(database, LONG.deadlineMs);
    await expect(outboxRows(database)).resolves.toEqual({ pending: 0, waiting: 0, parked: 0 });
    const rows = await database.query<{ id: string }>(
      'select concat(customer, n) as id from orders',
    );
    const arrived = await look(rabbitmq.url, (connection) =>
      takeAll(
        {
          channel: () => connection.createChannel(),
          queue: async () => ({ messages: await ready(), consumers: 0 }),
        },
        queue,
      ),
    );
    const ids = firstOccurrences(arrived).map(({ content }) => {
      const { key, n } = JSON.parse(content.toString()) as { key: string; n: number };
      return `${key}${n}`;
    });
    expect(ids.toSorted()).toEqual(rows.map(({ id }) => id).toSorted());
    expect(arrived.length - ids.length).toBeLessThanOrEqual(windows * WINDOW);
    expect(orderViolations(arrived)).toEqual([]);
  };

  const running = async (publishTimeout?: string) => {
    const options = { publishTimeout, retry: { attempts: 1 } };
    const relays = [1, 2].map(() => spawnRelay(database, rabbitmq, { lease, options }));
    // One that still starts when its database is away does not start.
    for (const relay of relays) await relay.receive((message) => message === 'started');
    const stop = await produce();
    await grows(100);
    return async () => {
      await stop();
      await emptied(database, LONG.deadlineMs);
      for (const relay of relays) await relay.leave();
    };
  };

  const frozen: Fault = async (server) => {
    await server.kill('SIGSTOP');
    const until = performance.now() + 5_000;
    await waitFor(() => performance.now() > until);
    await server.kill('SIGCONT');
  };

  it.each<[string, Fault]>([
    ['restarts', restarted],
    ['freezes for longer than a lease', frozen],
    ...(FULL ? [['is killed', killed] as [string, Fault]] : []),
  ])(
    'the database %s: nothing is lost, or invented',
    async (_, fault) => {
      const stop = await running();
      await fault(started.server);
      await grows(100);
      await stop();
      await expect(complete(2)).resolves.toBeUndefined();
    },
    TIMEOUT,
  );

  // What follows depends on the broker rather than on the database.
  if (name !== 'PostgreSQL' && !FULL) return;

  it.each<[string, Fault]>([
    ['restarts', restarted],
    ...(FULL ? [['is killed', killed] as [string, Fault]] : []),
  ])(
    'RabbitMQ %s: nothing is lost, or blamed',
    async (_, fault) => {
      const stop = await running();
      await fault(rabbitmq);
      await grows(100);
      await stop();
      await expect(complete(2)).resolves.toBeUndefined();
    },
    TIMEOUT,
  );

  it(
    'RabbitMQ blocks publishers for want of memory: messages wait, none is blamed or lost',
    async () => {
      const stop = await running('1s');
      await rabbitmq.control('set_vm_memory_high_watermark', '0.000001');
      const before = await ready();
      await waitFor(async () => ((await outboxRows(database))?.pending ?? 0) > 200, {
        ...LONG,
        what: 'a backlog',
      });
      // A few may have been on their way.
      expect(await ready()).toBeLessThanOrEqual(before + 2 * WINDOW);
      await expect(outboxRows(database)).resolves.toMatchObject({ waiting: 0, parked: 0 });
      await rabbitmq.control('set_vm_memory_high_watermark', '0.4');
      await grows(200);
      await stop();
      await expect(complete(4)).resolves.toBeUndefined();
    },
    TIMEOUT,
  );
});
