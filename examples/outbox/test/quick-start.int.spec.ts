import { closeFixtures, testBroker, testDatabase } from '@acme/internal-testing';
import { Logger, type INestApplication } from '@nestjs/common';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { arrivals, payloadOf } from './support/shop.js';

const saved = { ...process.env };
let app: INestApplication | undefined;
let close = async (): Promise<void> => {};
afterAll(async () => {
  await app?.close();
  await close();
  process.env = saved;
  await closeFixtures();
});

let broker: Awaited<ReturnType<typeof testBroker>>;
let database: Awaited<ReturnType<typeof testDatabase>>;
let queue: string;
beforeAll(async () => {
  Logger.overrideLogger(false);
  [broker, database] = await Promise.all([testBroker(), testDatabase()]);
  queue = broker.name('orders');
  // The example reads its configuration when it is loaded, as services do.
  process.env = {
    ...saved,
    DATABASE_URL: database.url,
    AMQP_URL: broker.url,
    EVENTS_EXCHANGE: broker.name('shop'),
    EVENTS_QUEUE: queue,
  };
});

it('an order that is posted is written, and announced to the queue that was declared', async () => {
  const { declareTopology } = await import('../src/quick-start/topology.js');
  const { start } = await import('../src/quick-start/start.js');
  const { pool } = await import('../src/quick-start/app.module.js');
  close = () => pool.end();
  await database.pool.query('create table orders (id text primary key)');
  await declareTopology();
  app = await start(0);

  const post = async (id: string) =>
    (await fetch(`${await app?.getUrl()}/orders/${id}`, { method: 'POST' })).status;
  expect(await post('order-1')).toBe(201);
  expect(await post('order-1')).toBe(500);
  const [placed, ...others] = await arrivals(broker, queue, 1);
  expect(placed && payloadOf(placed)).toEqual({ orderId: 'order-1' });
  expect(placed?.properties.type).toBe('order.placed.v1');
  expect(others).toEqual([]);
});
