import 'reflect-metadata';
import { closeFixtures, openMicroservice, testBroker, waitFor } from '@acme/internal-testing';
import { importedMessage } from '@acme/nest-rabbitmq';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { orders, OrdersModule, Warehouse } from '../src/orders.js';
import { ParkedOrders } from '../src/parked-orders.js';

afterAll(closeFixtures);

let broker: Awaited<ReturnType<typeof testBroker>>;
beforeAll(async () => {
  broker = await testBroker();
});

/** A service whose warehouse is shut, and what it has parked. */
async function scene(name: string, ids: readonly number[]) {
  const queue = broker.name(name);
  for (const suffix of ['retry.100', 'dlq']) broker.name(`${name}.${suffix}`);
  const { app } = await openMicroservice(
    OrdersModule.with(broker.url, queue),
    orders(broker.url, queue),
  );
  const channel = await broker.confirmChannel();
  for (const id of ids)
    channel.sendToQueue(queue, Buffer.from(JSON.stringify({ id })), {
      type: 'order.placed.v1',
      messageId: `order-${id}`,
    });
  await channel.waitForConfirms();
  const parked = (count: number) =>
    waitFor(async () => (await broker.queue(`${queue}.dlq`))?.messages === count, {
      what: `${count} parked messages`,
    });
  await parked(ids.length);
  return { parked, desk: app.get(ParkedOrders), warehouse: app.get(Warehouse) };
}

it('says what failed, and brings it back once it is mended', async () => {
  const { desk, warehouse, parked } = await scene('mended', [1, 2, 3]);
  const [group] = await desk.whatFailed();
  expect(group).toMatchObject({
    count: 3,
    code: 'RETRIES_EXHAUSTED',
    errorMessage: expect.stringContaining('the warehouse does not answer') as string,
    sample: { messageId: expect.stringMatching(/^order-/) as string, attempt: 2 },
  });
  warehouse.isOpen = true;
  await expect(desk.bringBack(group!)).resolves.toMatchObject({ redriven: 3, end: 'done' });
  await waitFor(() => warehouse.shipped.length === 3);
  expect(warehouse.shipped.toSorted()).toEqual([1, 2, 3]);
  await parked(0);
});

it('does not bring back for ever what fails each time', async () => {
  const { desk, parked } = await scene('unmended', [1]);
  for (let time = 1; time <= 3; time += 1) {
    const [group] = await desk.whatFailed();
    await expect(desk.bringBack(group!)).resolves.toMatchObject({ redriven: 1 });
    await parked(1);
  }
  const [group] = await desk.whatFailed();
  await expect(desk.bringBack(group!)).resolves.toMatchObject({
    redriven: 0,
    left: { tooOften: 1 },
  });
});

it('keeps what is thrown away', async () => {
  const { desk, parked } = await scene('archived', [1, 2]);
  const lines: string[] = [];
  const [group] = await desk.whatFailed();
  await expect(
    desk.archive(group!.fingerprint, async (line) => void lines.push(line)),
  ).resolves.toMatchObject({ purged: 2 });
  await parked(0);
  const bodies = lines.map((line) => importedMessage(line).content.toString());
  expect(bodies.toSorted()).toEqual(['{"id":1}', '{"id":2}']);
});
