// One process of several that share a store: plain JavaScript on the built package, so that it can be killed like a service.
import 'reflect-metadata';
import { setTimeout as pause } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import {
  IdempotencyInfo,
  IdempotencyModule,
  IdempotencyService,
  PostgresIdempotencyStore,
  RedisIdempotencyStore,
} from '@acme/nest-idempotency';
import { fromPg, TransactionModule, Transactions } from '@acme/nest-transaction';
import { Redis } from 'ioredis';
import pg from 'pg';

const { MODE, DATABASE, SCHEMA, REDIS, PREFIX, LOCK_TTL = '2s' } = process.env;
const pool = new pg.Pool({ connectionString: DATABASE, max: 20 });
pool.on('error', () => {});
const inTransaction = MODE === 'transaction';
const store = inTransaction
  ? new PostgresIdempotencyStore({ schema: SCHEMA })
  : new RedisIdempotencyStore(new Redis(REDIS), { prefix: PREFIX });

class Root {}
const module = {
  module: Root,
  imports: [
    ...(inTransaction ? [TransactionModule.forRoot({ adapter: fromPg(pool) })] : []),
    IdempotencyModule.forRoot({
      namespace: 'worker',
      store,
      migrate: inTransaction,
      lockTtl: LOCK_TTL,
      waitTimeout: '20s',
    }),
  ],
};
const app = await NestFactory.createApplicationContext(module, { logger: false });
const service = app.get(IdempotencyService);
const transactions = inTransaction ? app.get(Transactions) : undefined;

const charge = async (order) => {
  const client = transactions ? transactions.current() : pool;
  await client.query('insert into charges (order_id) values ($1)', [order]);
};

const commands = {
  /** Tells when it is inside the handler, before or after the effect, and stays there. */
  hang: ({ order, after }) =>
    service.run(
      order,
      async () => {
        if (after) await charge(order);
        process.send({ inside: process.pid });
        await pause(60_000);
      },
      { name: 'charge' },
    ),
  once: ({ order }) =>
    service.run(
      order,
      async () => {
        await charge(order);
        return { by: process.pid };
      },
      { name: 'charge' },
    ),
  /** Works until it is told that its lease is lost, then writes only if nobody has overtaken it. */
  slow: ({ order }) =>
    service.run(
      order,
      async () => {
        const info = IdempotencyInfo.current();
        process.send({ inside: process.pid, fence: info.fence });
        const aborted = new Promise((done) => info.signal.addEventListener('abort', done));
        await Promise.race([aborted, pause(60_000)]);
        return { aborted: info.signal.reason?.code };
      },
      { name: 'charge' },
    ),
};

process.on('message', ({ id, command, ...args }) => {
  void commands[command](args)
    .then(
      (value) => ({ value }),
      (error) => ({ error: error.code ?? String(error) }),
    )
    .then((result) => process.send({ id, ...result }));
});
process.send({ ready: true });
