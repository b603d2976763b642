import { randomUUID } from 'node:crypto';
import {
  closeFixtures,
  testBroker,
  testDatabase,
  waitFor,
  type TestBroker,
  type TestDatabase,
} from '@acme/internal-testing';
import type { INestMicroservice } from '@nestjs/common';
import type { Pool } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readConfig } from '../src/config.js';
import { openPool } from '../src/pool.js';
import { start } from '../src/start.js';
import { declareTopology } from '../src/topology.js';

let database: TestDatabase;
let broker: TestBroker;
let app: INestMicroservice | undefined;
let pool: Pool | undefined;
let queue: string;
let captured: string;

afterAll(closeFixtures);
afterAll(() => pool?.end());
afterAll(() => app?.close());

beforeAll(async () => {
  database = await testDatabase();
  broker = await testBroker();
  await database.pool.query(
    'create table charge (order_id text not null, amount integer not null)',
  );
  [queue, captured] = [broker.name('billing'), broker.name('shop.captured')];
  broker.name('billing.dead');
  const config = readConfig({
    AMQP_URL: broker.url,
    EVENTS_EXCHANGE: broker.name('shop'),
    QUEUE: queue,
    DEAD_LETTER_EXCHANGE: broker.name('dead'),
    IDEMPOTENCY_SCHEMA: database.schema,
  });
  await declareTopology(config);
  pool = openPool(database.url);
  app = await start(pool, config);
});

const charges = async (): Promise<number> =>
  Number((await database.pool.query<{ n: string }>('select count(*) n from charge')).rows[0]?.n);

it('charges once and announces it once, although the message comes three times', async () => {
  const channel = await broker.confirmChannel();
  const messageId = randomUUID();
  // #region send
  const body = Buffer.from(JSON.stringify({ orderId: 'order-1', amount: 5 }));
  for (let copy = 0; copy < 3; copy += 1) {
    channel.sendToQueue(queue, body, { type: 'order.placed.v1', messageId });
  }
  await channel.waitForConfirms();
  // #endregion
  await waitFor(async () => (await broker.queue(captured))?.messages === 1, {
    what: 'the announcement',
  });
  await waitFor(async () => (await broker.queue(queue))?.messages === 0, {
    what: 'the queue to be empty',
  });
  expect(await charges()).toBe(1);
  const [announced] = await broker.take(captured);
  expect(announced?.properties).toMatchObject({
    type: 'payment.captured.v1',
    contentType: 'application/json',
  });
  expect(JSON.parse(String(announced?.content))).toEqual({ orderId: 'order-1', amount: 5 });
});

it('sends what cannot be handled to the dead-letter exchange', async () => {
  const channel = await broker.confirmChannel();
  channel.sendToQueue(queue, Buffer.from('{}'), { type: 'order.placed.v1' });
  await channel.waitForConfirms();
  const dead = broker.name('billing.dead');
  await waitFor(async () => (await broker.queue(dead))?.messages === 1, {
    what: 'the dead letter',
  });
});
