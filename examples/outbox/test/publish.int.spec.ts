import { closeFixtures, openContext, waitFor } from '@acme/internal-testing';
import { Outbox, OutboxModule, OutboxRelay, PostgresOutboxStore } from '@acme/nest-outbox';
import { fromPg, TransactionModule, Transactions } from '@acme/nest-transaction';
import { Module } from '@nestjs/common';
import { afterAll, expect, it } from 'vitest';
import { Invoices } from '../src/invoices.js';
import { Orders } from '../src/orders.js';
import { arrivals, openShop, payloadOf, publisherTo, typeOf } from './support/shop.js';

afterAll(closeFixtures);

/** An application whose relay runs when the test says so. */
async function openApp() {
  const shop = await openShop();
  @Module({
    imports: [
      TransactionModule.forRoot({ adapter: fromPg(shop.database.pool) }),
      // #region run-once
      OutboxModule.forRoot({
        store: new PostgresOutboxStore({ database: shop.database.pool }),
        publisher: publisherTo(shop.broker.url, shop.exchange),
        relay: { mode: 'off' },
      }),
      // #endregion
    ],
    providers: [Orders, Invoices],
  })
  class AppModule {}
  const { app } = await openContext(AppModule);
  return { ...shop, app };
}

it('publishes what a transaction has committed, as the class of the event says it', async () => {
  const { app, broker, queue } = await openApp();
  await app.get(Orders).place({ id: 'order-1', amount: 5 });
  await expect(app.get(OutboxRelay).runOnce()).resolves.toMatchObject({ published: 1 });
  const [placed] = await arrivals(broker, queue, 1);
  expect(placed?.properties).toMatchObject({
    type: 'order.placed.v1',
    contentType: 'application/json',
    deliveryMode: 2,
  });
  expect(placed && payloadOf(placed)).toEqual({ orderId: 'order-1', amount: 5 });
});

it('sends nothing of a transaction that is rolled back, and refuses to add outside of one', async () => {
  const { app } = await openApp();
  await app.get(Orders).place({ id: 'order-1', amount: 5 });
  await expect(app.get(Orders).place({ id: 'order-1', amount: 5 })).rejects.toThrow('unique');
  await expect(app.get(OutboxRelay).runOnce()).resolves.toMatchObject({ published: 1 });
  await expect(app.get(Outbox).add({ type: 'stray.v1', payload: {} })).rejects.toMatchObject({
    code: 'OUTBOX_TRANSACTION_REQUIRED',
  });
});

it('keeps the order of everything that is said of one key', async () => {
  const { app, broker, queue } = await openApp();
  const parcels = Array.from({ length: 20 }, (_, n) => `parcel-${n}`);
  await app.get(Orders).ship('order-1', parcels);
  await app.get(OutboxRelay).runOnce();
  const arrived = await arrivals(broker, queue, 21);
  expect(arrived.map(payloadOf)).toEqual([
    ...parcels.map((parcel) => ({ orderId: 'order-1', parcel })),
    { orderId: 'order-1' },
  ]);
});

it('keeps a message until its time has come', async () => {
  const { app, broker, queue, database } = await openApp();
  await app.get(Orders).remind('order-1');
  await expect(app.get(OutboxRelay).runOnce()).resolves.toMatchObject({ published: 0 });
  await database.pool.query(
    `update outbox_delayed set available_at = available_at - interval '3 d'`,
  );
  await waitFor(async () => (await app.get(OutboxRelay).runOnce()).published === 1, {
    what: 'the reminder',
  });
  expect((await arrivals(broker, queue, 1)).map(typeOf)).toEqual(['payment.reminder.v1']);
});

it('is the EventSink of code that does not know it', async () => {
  const { app, broker, queue } = await openApp();
  await app.get(Invoices).issue('invoice-1');
  await app.get(OutboxRelay).runOnce();
  expect((await arrivals(broker, queue, 1)).map(typeOf)).toEqual(['invoice.issued.v1']);
});

it('writes nothing when the transaction fails after the message was added', async () => {
  const { app, database } = await openApp();
  const transactions = app.get(Transactions);
  const failed = transactions.run(async () => {
    await app.get(Outbox).add({ type: 'never.v1', payload: {} });
    throw new Error('sold out');
  });
  await expect(failed).rejects.toThrow('sold out');
  const { rows } = await database.pool.query('select count(*)::int as n from outbox_messages');
  expect(rows).toEqual([{ n: 0 }]);
});
