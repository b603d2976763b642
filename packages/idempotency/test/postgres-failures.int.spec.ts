import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { Module } from '@nestjs/common';
import {
  openContext,
  startPrivate,
  tcpProxy,
  testBroker,
  testDatabase,
  waitFor,
} from '@acme/internal-testing';
import {
  IdempotencyModule,
  IdempotencyService,
  PostgresIdempotencyStore,
} from '@acme/nest-idempotency';
import { fromPg, sqlStateOf, TransactionModule, Transactions } from '@acme/nest-transaction';
import pg from 'pg';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { chargesOf, createCharges, Gate } from './support/ledger.js';
import { startService } from './support/service.js';

let order: string;

beforeEach(() => {
  order = randomUUID();
});

/** Closed after the test. A server that goes away breaks idle connections, too; the next query tells. */
const poolOn = (url: string): pg.Pool => {
  const pool = new pg.Pool({ connectionString: url, max: 20 });
  pool.on('error', () => {});
  onTestFinished(() => pool.end());
  return pool;
};

/** A service in transaction mode; each call of this is a process of its own as far as the database can tell. */
const inTransactions = async (pool: pg.Pool, schema: string) => {
  @Module({
    imports: [
      TransactionModule.forRoot({ adapter: fromPg(pool) }),
      IdempotencyModule.forRoot({
        namespace: 'failing',
        store: new PostgresIdempotencyStore({ schema }),
        migrate: true,
        waitTimeout: '30s',
      }),
    ],
  })
  class Failing {}
  const { app, close } = await openContext(Failing);
  const service = app.get(IdempotencyService);
  const transactions = app.get<Transactions<pg.PoolClient>>(Transactions);
  return { service, close, sql: () => transactions.current() };
};

/** One that keeps leases there, and has its effects elsewhere. */
const withLeases = async (pool: pg.Pool, schema: string, effects: pg.Pool) => {
  @Module({
    imports: [
      IdempotencyModule.forRoot({
        namespace: 'failing',
        store: new PostgresIdempotencyStore({ schema, database: pool }),
        migrate: true,
        lockTtl: '2s',
        waitTimeout: '30s',
      }),
    ],
  })
  class Failing {}
  const { app, close } = await openContext(Failing);
  return { service: app.get(IdempotencyService), close, sql: () => effects };
};

const charging =
  ({
    service,
    sql,
  }: Pick<Awaited<ReturnType<typeof withLeases>>, 'service'> & {
    sql(): Pick<pg.Pool, 'query'>;
  }) =>
  (id: string, after?: () => Promise<unknown>): Promise<string> =>
    service.run(
      id,
      async () => {
        await sql().query('insert into charges (order_id) values ($1)', [id]);
        await after?.();
        return `charged ${id}`;
      },
      { name: 'charge' },
    );

/** Calls that have had their effect and wait to be let go. */
const underWay = (charge: ReturnType<typeof charging>, count: number) =>
  Promise.all(
    Array.from({ length: count }, async () => {
      const [id, inside, gate] = [randomUUID(), new Gate(), new Gate()];
      const outcome = charge(id, () => {
        inside.open();
        return gate.passed;
      }).then(
        (reply) => reply,
        () => 'failed',
      );
      await inside.passed;
      return { id, gate, outcome };
    }),
  );

it.each(['SIGKILL', 'SIGTERM'] as const)(
  'has one effect although PostgreSQL is restarted while calls are under way, transaction, %s',
  async (signal) => {
    const server = await startPrivate('postgres');
    const pool = poolOn(server.url);
    await createCharges({ pool } as never);
    const charge = charging(await inTransactions(pool, 'keys'));
    const done = randomUUID();
    await charge(done);
    const running = await underWay(charge, 10);
    await (signal === 'SIGKILL' ? server.kill(signal) : server.halt());
    for (const { gate } of running.slice(0, 5)) gate.open();
    await server.restart();
    for (const { gate } of running) gate.open();
    expect(new Set(await Promise.all(running.map(({ outcome }) => outcome)))).toEqual(
      new Set(['failed']),
    );
    for (const { id } of running) expect(await chargesOf({ pool } as never, id)).toBe(0);
    for (const id of [done, ...running.map((one) => one.id)]) {
      expect(await charge(id)).toBe(`charged ${id}`);
      expect(await chargesOf({ pool } as never, id)).toBe(1);
    }
  },
);

it('records what came of the calls that were under way when PostgreSQL was restarted, lease', async () => {
  const [server, effects] = await Promise.all([startPrivate('postgres'), testDatabase()]);
  await createCharges(effects);
  const charge = charging(await withLeases(poolOn(server.url), 'keys', effects.pool));
  const running = await underWay(charge, 10);
  const [during, after] = [running.slice(0, 5), running.slice(5)];
  await server.kill('SIGKILL');
  for (const { gate } of during) gate.open();
  await server.restart();
  for (const { gate } of after) gate.open();
  for (const { id, outcome } of running) {
    expect(await outcome).toBe(`charged ${id}`);
    expect(await charge(id)).toBe(`charged ${id}`);
  }
  for (const { id } of after) expect(await chargesOf(effects, id)).toBe(1);
  // Settling is tried for more than a second; where that was not enough, it is what a lease cannot promise.
  for (const { id } of during) expect([1, 2]).toContain(await chargesOf(effects, id));
});

describe('a commit of which nobody knows', () => {
  it.each([
    ['was carried out', 'replies'],
    ['never arrived', 'requests'],
  ] as const)('%s: the redelivery finds out', async (_, silence) => {
    const [database, broker] = await Promise.all([testDatabase(), testBroker()]);
    await createCharges(database);
    const proxy = await tcpProxy(database.url);
    const channel = await broker.channel();
    const [queue, parked] = [broker.name('orders'), broker.name('parked')];
    await channel.assertQueue(parked, { durable: false });
    const deadLetter = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': parked };
    await channel.assertQueue(queue, { durable: false, arguments: deadLetter });
    const { child, ask } = await startService({
      store: 'PostgreSQL transaction',
      doors: ['nest-event'],
      amqp: broker.url,
      queues: { nest: queue },
      env: { DATABASE: proxy.url, SCHEMA: database.schema },
    });
    await ask('arm', { point: 'hold commit' });
    const body = Buffer.from(JSON.stringify({ order }));
    channel.sendToQueue(queue, body, { type: 'charge', messageId: order });
    await child.receive<{ held?: string }>(({ held }) => held === 'commit');
    proxy.halfOpen(silence);
    await ask('resume');
    if (silence === 'replies') await waitFor(async () => (await chargesOf(database, order)) === 1);
    expect(await ask('acks')).toBe(0);
    proxy.cut();
    proxy.restore();
    await waitFor(async () => (await ask('acks')) === 1);
    expect(await chargesOf(database, order)).toBe(1);
    await child.kill();
    await waitFor(async () => (await broker.queue(queue))?.consumers === 0);
    expect((await broker.queue(queue))?.messages).toBe(0);
    expect(await broker.take(parked)).toEqual([]);
    await Promise.all([broker.close(), database.close()]);
  });
});

describe.each(['read committed', 'repeatable read', 'serializable'] as const)(
  'at isolation level %s',
  (isolation) => {
    const open = async () => {
      const database = await testDatabase();
      await createCharges(database);
      await database.pool.query('create table accounts (id text primary key, balance integer)');
      await database.pool.query('insert into accounts (id, balance) values ($1, 0)', ['shop']);
      return database;
    };

    it('has one effect for 20 duplicates at once in 20 processes', async () => {
      const database = await open();
      const all = await Promise.all(
        Array.from({ length: 20 }, () => inTransactions(database.pool, database.schema)),
      );
      let runs = 0;
      const replies = await Promise.all(
        all.map(({ service, sql }) =>
          service.run(
            order,
            async () => {
              await sql().query('insert into charges (order_id) values ($1)', [order]);
              await sql().query('update accounts set balance = balance + 1');
              return { run: (runs += 1) };
            },
            { name: 'charge', isolation },
          ),
        ),
      );
      expect(new Set(replies.map(({ run }) => run)).size).toBe(1);
      expect(await chargesOf(database, order)).toBe(1);
      const { rows } = await database.pool.query('select balance from accounts');
      expect(rows).toEqual([{ balance: 1 }]);
      await Promise.all(all.map(({ close }) => close()));
      await database.close();
    });

    it('tells the caller of a conflict in the handler, and lets the next attempt run', async () => {
      const database = await open();
      const opened = await inTransactions(database.pool, database.schema);
      const { service, sql } = opened;
      const [looked, overtaken] = [new Gate(), new Gate()];
      const pay = (id: string, between?: () => Promise<void>): Promise<number> =>
        service.run(
          id,
          async () => {
            await sql().query('select balance from accounts');
            await between?.();
            await sql().query('update accounts set balance = balance + 1');
            return 1;
          },
          { name: 'pay', isolation },
        );
      const slow = pay(order, () => {
        looked.open();
        return overtaken.passed;
      }).then(
        () => undefined,
        (error: unknown) => sqlStateOf(error),
      );
      await looked.passed;
      await pay(randomUUID());
      overtaken.open();
      expect(await slow).toBe(isolation === 'read committed' ? undefined : '40001');
      expect(await pay(order)).toBe(1);
      expect(await pay(order)).toBe(1);
      const { rows } = await database.pool.query('select balance from accounts');
      expect(rows).toEqual([{ balance: 2 }]);
      await opened.close();
      await database.close();
    });
  },
);
