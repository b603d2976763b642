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
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readConfig } from '../src/config.js';
import { start } from '../src/start.js';

let database: TestDatabase;
let broker: TestBroker;
let app: INestMicroservice | undefined;
let queue: string;
let captured: string;

afterAll(closeFixtures);
afterAll(() => app?.close());

beforeAll(async () => {
  database = await testDatabase();
  broker = await testBroker();
  await database.pool.query(
    'create table charge (order_id text not null, amount integer not null)',
  );
  [queue, captured] = [broker.name('billing'), broker.name('captured')];
  const config = readConfig({
    AMQP_URL: broker.url,
    EVENTS_EXCHANGE: broker.name('shop'),
    QUEUE: queue,
    DEAD_LETTER_EXCHANGE: broker.name('dead'),
    IDEMPOTENCY_SCHEMA: database.schema,
  });
  const channel = await broker.channel();
  await channel.assertExchange(config.deadLetterExchange, 'fanout', { durable: true });
  await channel.assertExchange(config.exchange, 'topic', { durable: true });
  await channel.assertQueue(captured, { durable: true });
  await channel.bindQueue(captured, config.exchange, 'payment.captured.*');
  await channel.close();
  app = await start(database.pool, config);
});

const charges = async (): Promise<number> =>
  Number((await database.pool.query<{ n: string }>('select count(*) n from charge')).rows[0]?.n);

it('charges once and announces it once, although the message comes three times', async () => {
  const channel = await broker.confirmChannel();
  const messageId = randomUUID();
  const body = Buffer.from(JSON.stringify({ orderId: 'order-1', amount: 5 }));
  for (let copy = 0; copy < 3; copy += 1) {
    channel.sendToQueue(queue, body, { type: 'order.placed.v1', messageId });
  }
  await channel.waitForConfirms();
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
