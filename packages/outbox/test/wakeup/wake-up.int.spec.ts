import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import {
  declareQueue,
  openContext,
  RecordingLogger,
  startPgBouncer,
  testBroker,
  testDatabase,
  waitFor,
  type TestBroker,
  type TestDatabase,
} from '@acme/internal-testing';
import {
  Outbox,
  OutboxModule,
  PostgresOutboxStore,
  type PgListenerFactory,
} from '@acme/nest-outbox';
import { RabbitMqPublisher } from '@acme/nest-rabbitmq';
import { fromPg, TransactionModule, Transactions } from '@acme/nest-transaction';
import { Module } from '@nestjs/common';
import { connect } from 'amqplib';
import pg from 'pg';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

const TIMEOUT = 60_000;

describe('what another process commits', () => {
  let database: TestDatabase;
  let broker: TestBroker;
  let queue: string;
  /** Of all processes: Nest has one logger. */
  let log: RecordingLogger;
  beforeAll(async () => {
    broker = await testBroker();
  });
  beforeEach(async (test) => {
    database = await testDatabase();
    queue = await declareQueue(broker, test.task.id);
    log = new RecordingLogger();
  });

  /** The name by which the server knows the connections that listen. */
  const listener = () => `${database.schema}_listener`;
  const listenTo =
    (url: string): PgListenerFactory =>
    async () => {
      const client = new pg.Client({ connectionString: url, application_name: listener() });
      await client.connect();
      return client;
    };
  const listening = async () => {
    const { rows } = await database.pool.query<{ pid: number; query: string }>(
      'select pid, query from pg_stat_activity where application_name = $1',
      [listener()],
    );
    return rows;
  };

  /** A process that only adds. */
  const producer = async (listen: PgListenerFactory = listenTo(database.url)) => {
    const store = new PostgresOutboxStore({ database: database.pool, listen });
    @Module({
      imports: [
        TransactionModule.forRoot({ adapter: fromPg(database.pool) }),
        OutboxModule.forRoot({ store, relay: { mode: 'off' } }),
      ],
    })
    class AppModule {}
    const { app, close } = await openContext(AppModule, { log });
    const transactions = app.get(Transactions);
    const outbox = app.get(Outbox);
    const add = () => transactions.run(() => outbox.add({ type: queue, payload: 1 }));
    return { add, outbox, transactions, close };
  };

  /** A process that only publishes, and looks once a minute. */
  const worker = async (listen: PgListenerFactory | undefined = listenTo(database.url)) => {
    const store = new PostgresOutboxStore({ database: database.pool, listen });
    let looks = 0;
    const readPending = store.readPending.bind(store);
    store.readPending = async (...args) => {
      const found = await readPending(...args);
      looks = found.length > 0 ? 0 : looks + 1;
      return found;
    };
    @Module({
      imports: [
        OutboxModule.forRoot({
          store,
          publisher: new RabbitMqPublisher({ connect: () => connect(broker.url) }),
          // The lease as well: whenever it renews its lanes, a relay looks.
          relay: { mode: 'worker', pollInterval: '1m', lease: '1m' },
        }),
      ],
    })
    class AppModule {}
    const { close } = await openContext(AppModule, { log });
    /** Each look in vain doubles the pause: the next one is more than two seconds away. */
    const quiet = () => waitFor(() => looks >= 7, { what: 'a relay that looks rarely' });
    return { quiet, close };
  };

  const arrived = async (count: number, deadlineMs = 1_000) => {
    await waitFor(async () => (await broker.queue(queue))?.messages === count, {
      deadlineMs,
      what: `${count} message(s)`,
    });
  };

  /** Hears what is told on the channel of the schema. */
  const overheard = async () => {
    const channel = `outbox_${database.schema}`;
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const heard: string[] = [];
    client.on('notification', ({ payload = '' }) => heard.push(payload));
    await client.query(`listen "${channel}"`);
    /** How many hints so far. */
    const hints = async () => {
      const mark = `beat ${randomUUID()}`;
      await database.pool.query('select pg_notify($1, $2)', [channel, mark]);
      await waitFor(() => heard.includes(mark));
      return heard.filter((payload) => payload === '').length;
    };
    return { hints, end: () => client.end() };
  };

  it(
    'leaves at once, though the relay looks once a minute',
    async () => {
      const [relay, adding] = [await worker(), await producer()];
      await relay.quiet();
      await adding.add();
      await arrived(1);
      // One connection listens: where the relay is.
      expect(await listening()).toHaveLength(1);
      await adding.close();
      await relay.close();
      await waitFor(async () => (await listening()).length === 0);
      expect([...log.messages('warn'), ...log.messages('error')]).toEqual([]);
    },
    TIMEOUT,
  );

  it(
    'leaves at once after the connection that listens was lost, and what came meanwhile as well',
    async () => {
      const [relay, adding] = [await worker(), await producer()];
      await relay.quiet();
      const [before] = await listening();
      await database.pool.query('select pg_terminate_backend($1)', [before?.pid]);
      // Told to nobody, or to the new connection; either way it is found when that one listens.
      await adding.add();
      await arrived(1, 5_000);
      await waitFor(async () =>
        (await listening()).some(({ pid, query }) => pid !== before?.pid && /listen/.test(query)),
      );
      await relay.quiet();
      await adding.add();
      await arrived(2);
      await waitFor(() => log.messages('log').some((text) => /hears again/.test(text)));
      expect(log.messages('warn')).toEqual([
        expect.stringMatching(/connection that listens hears nothing: .*administrator command/),
      ]);
      await Promise.all([relay.close(), adding.close()]);
    },
    TIMEOUT,
  );

  it(
    'is told no more than every 25 ms, however much it is, and once at least',
    async () => {
      const [ear, adding] = [await overheard(), await producer()];
      const since = performance.now();
      for (let round = 0; round < 30; round += 1)
        await Promise.all(Array.from({ length: 10 }, adding.add));
      const took = performance.now() - since;
      await adding.close();
      const hints = await ear.hints();
      expect(hints).toBeGreaterThan(1);
      expect(hints).toBeLessThanOrEqual(took / 25 + 2);
      await ear.end();
    },
    TIMEOUT,
  );

  it('is told after the commit, and not by the transaction', async () => {
    const [ear, adding] = [await overheard(), await producer()];
    await adding.transactions.run(async () => {
      await adding.outbox.add({ type: queue, payload: 1 });
      expect(await ear.hints()).toBe(0);
    });
    await adding.close();
    expect(await ear.hints()).toBe(1);
    await ear.end();
  });

  it('is not told where it was rolled back, or added to a transaction whose commit nobody sees', async () => {
    const [ear, adding] = [await overheard(), await producer()];
    const lost = adding.transactions.run(async () => {
      await adding.outbox.add({ type: queue, payload: 1 });
      throw new Error('no');
    });
    await expect(lost).rejects.toThrow('no');
    const client = await database.pool.connect();
    await client.query('begin');
    await adding.outbox.add({ type: queue, payload: 1 }, { tx: client });
    await client.query('commit');
    client.release();
    await adding.close();
    expect(await ear.hints()).toBe(0);
    await ear.end();
  });

  it('is heard in a schema with the longest of names', async () => {
    const schema = `${database.schema}_`.padEnd(63, 'x');
    await database.pool.query(`create schema ${schema}`);
    const listen = listenTo(database.url);
    const [one, other] = [0, 1].map(() =>
      new PostgresOutboxStore({ database: database.pool, schema, listen }).wakeUps()!,
    );
    await new PostgresOutboxStore({ database: database.pool, schema }).migrate();
    const heard = vi.fn<() => void>();
    const nothing = (): void => {};
    const ear = one!.listen({ heard, deaf: nothing, restored: nothing });
    await waitFor(() => heard.mock.calls.length === 1);
    await other!.tell();
    await waitFor(() => heard.mock.calls.length === 2);
    await ear.close();
  });

  it('wakes nobody who has another schema', async () => {
    const other = `${database.schema}_other`;
    await database.pool.query(`create schema ${other}`);
    const [ear, adding] = [await overheard(), await producer()];
    const store = new PostgresOutboxStore({
      database: database.pool,
      schema: other,
      listen: listenTo(database.url),
    });
    await store.prepare(undefined);
    await store.wakeUps()?.tell();
    await adding.close();
    expect(await ear.hints()).toBe(0);
    await ear.end();
  });

  it(
    'cannot be heard through PgBouncer in transaction mode: that is said once',
    async () => {
      const bouncer = await startPgBouncer({ upstream: database.url });
      let connects = 0;
      const through: PgListenerFactory = () => {
        connects += 1;
        return listenTo(bouncer.url)();
      };
      const relay = await worker(through);
      await waitFor(() => connects >= 2, { deadlineMs: 20_000, what: 'another try' });
      await waitFor(() => connects >= 3, { deadlineMs: 20_000, what: 'another try' });
      expect(log.messages('warn')).toEqual([
        expect.stringMatching(/PgBouncer in transaction mode cannot listen.*relay\.pollInterval/),
      ]);
      await relay.close();
      await bouncer.stop();
    },
    TIMEOUT,
  );

  it('is committed although it cannot be told: that is said once, with what was lost', async () => {
    const pool = new pg.Pool({ connectionString: database.url });
    const store = new PostgresOutboxStore({ database: pool, listen: listenTo(database.url) });
    @Module({
      imports: [
        TransactionModule.forRoot({ adapter: fromPg(database.pool) }),
        OutboxModule.forRoot({ store, relay: { mode: 'off' } }),
      ],
    })
    class AppModule {}
    const { app, close } = await openContext(AppModule, { log });
    await pool.end();
    const [outbox, transactions] = [app.get(Outbox), app.get(Transactions)];
    for (let n = 0; n < 3; n += 1)
      await transactions.run(() => outbox.add({ type: queue, payload: n }));
    await waitFor(() => log.messages('warn').length > 0);
    await close();
    expect(log.messages('warn')).toEqual([
      expect.stringMatching(/Other processes cannot be told .*next poll.*pool/),
    ]);
    const { rows } = await database.pool.query('select count(*)::int as kept from outbox_messages');
    expect(rows).toEqual([{ kept: 3 }]);
  });
});
