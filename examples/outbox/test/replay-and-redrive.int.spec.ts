import {
  closeFixtures,
  openContext,
  testBroker,
  testDatabase,
  waitFor,
} from '@acme/internal-testing';
import { Outbox, OutboxAdmin } from '@acme/nest-outbox';
import { Transactions } from '@acme/nest-transaction';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { DeskModule, OutboxDesk } from '../src/desk.js';
import { orderTable, Orders } from '../src/orders.js';
import { arrivals, declareExchange, payloadOf, publisherTo } from './support/shop.js';

afterAll(closeFixtures);

let broker: Awaited<ReturnType<typeof testBroker>>;
let exchange: string;
let queue: string;

/** Nobody is bound for `order.placed.v1` yet. */
async function openDesk() {
  const database = await testDatabase();
  await database.pool.query(orderTable);
  const { app } = await openContext(
    DeskModule.with(database.pool, publisherTo(broker.url, exchange)),
  );
  const parked = async (count: number) =>
    waitFor(async () => (await app.get(OutboxAdmin).status()).parked === count, {
      what: `${count} parked messages`,
    });
  return { app, desk: app.get(OutboxDesk), orders: app.get(Orders), parked };
}

beforeEach(async () => {
  broker ??= await testBroker();
  ({ exchange, queue } = await declareExchange(broker));
  await rebind('nothing.v1');
});

async function rebind(pattern: string): Promise<void> {
  const channel = await broker.channel();
  await channel.unbindQueue(queue, exchange, '#');
  await channel.bindQueue(queue, exchange, pattern);
  await channel.close();
}

it('parks what goes nowhere, holds its key up, and lets it go first when it is redriven', async () => {
  const { app, desk, orders, parked } = await openDesk();
  await orders.place({ id: 'order-1', amount: 5 });
  await parked(1);
  await rebind('order.#');
  await app
    .get(Transactions)
    .run(() =>
      app.get(Outbox).add({ type: 'order.paid.v1', key: 'order-1', payload: { paid: true } }),
    );
  await waitFor(async () => (await app.get(OutboxAdmin).status()).waiting === 1);

  const [message] = await desk.look();
  expect(message).toMatchObject({
    type: 'order.placed.v1',
    key: 'order-1',
    reason: 'UNROUTABLE',
    attempts: 2,
  });
  await expect(desk.redrive('order.placed.v1')).resolves.toBe(1);
  const [placed, paid] = await arrivals(broker, queue, 2);
  expect(placed?.properties.messageId).toBe(message?.messageId);
  expect(paid && payloadOf(paid)).toEqual({ paid: true });
});

it('lets the key go on when the parked message is thrown away', async () => {
  const { app, desk, orders, parked } = await openDesk();
  await orders.place({ id: 'order-1', amount: 5 });
  await parked(1);
  await rebind('order.paid.v1');
  await app
    .get(Transactions)
    .run(() => app.get(Outbox).add({ type: 'order.paid.v1', key: 'order-1', payload: {} }));
  const [message] = await desk.look();
  await expect(desk.discard(message?.messageId ?? '')).resolves.toBe(1);
  await expect(arrivals(broker, queue, 1)).resolves.toHaveLength(1);
  expect(await desk.look()).toEqual([]);
});

it('publishes kept messages again, marked', async () => {
  const { app, desk, orders } = await openDesk();
  await rebind('#');
  await orders.place({ id: 'order-1', amount: 5 });
  const [first] = await arrivals(broker, queue, 1);
  await waitFor(async () => (await app.get(OutboxAdmin).status()).published === 1);
  await expect(desk.replayLastHour('order.placed.v1')).resolves.toBe(1);
  const [again] = await arrivals(broker, queue, 1);
  expect(again?.properties.messageId).toBe(first?.properties.messageId);
  expect(again?.properties.headers).toMatchObject({ 'x-redrive-count': 1 });
});
