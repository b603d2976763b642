import { randomUUID } from 'node:crypto';
import {
  testBroker,
  testDatabase,
  waitFor,
  type TestBroker,
  type TestDatabase,
} from '@acme/internal-testing';
import type { INestMicroservice } from '@nestjs/common';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { start } from '../src/start.js';

let database: TestDatabase;
let broker: TestBroker;
let app: INestMicroservice;

beforeAll(async () => {
  database = await testDatabase();
  broker = await testBroker();
  await database.pool.query(
    'create table charge (order_id text not null, amount integer not null)',
  );
  const channel = await broker.channel();
  await channel.assertExchange('shop', 'topic', { durable: true });
  await channel.assertQueue('captured', { durable: true });
  await channel.bindQueue('captured', 'shop', 'payment.captured.*');
  await channel.close();
  app = await start(database.pool, broker.url);
});

afterAll(async () => {
  await app.close();
  await broker.close();
  await database.close();
});

const charges = async (): Promise<number> =>
  Number((await database.pool.query<{ n: string }>('select count(*) n from charge')).rows[0]?.n);

it('charges once and announces it once, although the message comes three times', async () => {
  const channel = await broker.confirmChannel();
  // Keys outlive a run: the example keeps them in a schema of its own.
  const messageId = randomUUID();
  const body = Buffer.from(JSON.stringify({ orderId: 'order-1', amount: 5 }));
  for (let copy = 0; copy < 3; copy += 1) {
    channel.sendToQueue('billing', body, { type: 'order.placed.v1', messageId });
  }
  await channel.waitForConfirms();
  await waitFor(async () => (await broker.queue('captured'))?.messages === 1, {
    what: 'the announcement',
  });
  await waitFor(async () => (await broker.queue('billing'))?.messages === 0, {
    what: 'the queue to be empty',
  });
  expect(await charges()).toBe(1);
  const [announced] = await broker.take('captured');
  expect(announced?.properties).toMatchObject({
    type: 'payment.captured.v1',
    contentType: 'application/json',
  });
  expect(JSON.parse(String(announced?.content))).toEqual({ orderId: 'order-1', amount: 5 });
});
