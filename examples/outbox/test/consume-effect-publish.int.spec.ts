import { randomUUID } from 'node:crypto';
import {
  closeFixtures,
  spawnChild,
  testBroker,
  testDatabase,
  waitFor,
  type TestBroker,
  type TestDatabase,
} from '@acme/internal-testing';
import { retryPauses } from '@shop/platform';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { payloadOf, typeOf } from './support/shop.js';

afterAll(closeFixtures);

let database: TestDatabase;
let broker: TestBroker;
let exchange: string;
let captured: string;

beforeAll(async () => {
  [database, broker] = await Promise.all([testDatabase(), testBroker()]);
  [exchange, captured] = [broker.name('shop.events'), broker.name('captured')];
  for (const ms of retryPauses) broker.name(`billing.orders.retry.${ms}`);
  broker.name('billing.orders.dlq');
  const channel = await broker.channel();
  await channel.assertExchange(exchange, 'topic', { durable: true });
  await channel.assertQueue(captured);
  await channel.bindQueue(captured, exchange, 'payment.captured.#');
  await channel.close();
});

/** `examples/billing`, in a process of its own. */
async function startBilling() {
  const queue = broker.name('billing.orders');
  const billing = spawnChild(new URL('../../billing/dist/main.js', import.meta.url), {
    env: {
      DATABASE_URL: database.url,
      DATABASE_SCHEMA: database.schema,
      AMQP_URL: broker.url,
      EVENTS_EXCHANGE: exchange,
      QUEUE: queue,
    },
  });
  await waitFor(async () => ((await broker.queue(queue))?.consumers ?? 0) > 0, {
    what: 'billing to read its queue',
    deadlineMs: 30_000,
  });
  return { billing, queue };
}

async function placeOrder(orderId: string, copies = 1): Promise<void> {
  const channel = await broker.confirmChannel();
  const order = { orderId, customerId: 'c', amountCents: 500, placedAt: new Date().toISOString() };
  const properties = { type: 'order.placed.v1', messageId: randomUUID(), persistent: true };
  for (let copy = 0; copy < copies; copy += 1) {
    channel.publish(exchange, 'order.placed.v1', Buffer.from(JSON.stringify(order)), properties);
  }
  await channel.waitForConfirms();
  await channel.close();
}

const charges = async (orderId: string) =>
  (await database.pool.query('select id from charges where order_id = $1', [orderId])).rowCount;

/** When nothing is left to do. */
async function settled(queue: string): Promise<void> {
  await waitFor(
    async () => {
      const { rows } = await database.pool.query('select count(*)::int as n from outbox_messages');
      return (await broker.queue(queue))?.messages === 0 && rows[0].n === 0;
    },
    { what: 'everything to be done' },
  );
}

it('charges once and says so once, for three copies of an order', async () => {
  const { billing, queue } = await startBilling();
  const orderId = randomUUID();
  await placeOrder(orderId, 3);
  await waitFor(async () => (await broker.queue(captured))?.messages === 1, { what: 'the event' });
  await settled(queue);
  const arrived = await broker.take(captured);
  expect(await charges(orderId)).toBe(1);
  expect(arrived.map(typeOf)).toEqual(['payment.captured.v1']);
  expect(arrived.map(payloadOf)).toMatchObject([{ orderId, amountCents: 500 }]);
  await billing.kill('SIGTERM');
});

it('charges once and says so once, although it is killed in the middle of it', async () => {
  const { billing } = await startBilling();
  const orderId = randomUUID();
  const client = await database.pool.connect();
  await client.query('begin');
  await client.query('lock table charges in share mode');
  await placeOrder(orderId);
  await waitFor(
    async () => {
      const { rowCount } = await database.pool.query(
        `select from pg_locks where relation = 'charges'::regclass and not granted`,
      );
      return rowCount === 1;
    },
    { what: 'billing to be about to insert the charge' },
  );
  await billing.kill('SIGKILL');
  await client.query('rollback');
  client.release();
  expect(await charges(orderId)).toBe(0);

  const { billing: next, queue } = await startBilling();
  await waitFor(async () => (await charges(orderId)) === 1, { what: 'the charge' });
  await waitFor(async () => (await broker.queue(captured))?.messages === 1, { what: 'the event' });
  await settled(queue);
  expect(await broker.take(captured)).toHaveLength(1);
  await next.kill('SIGTERM');
});
