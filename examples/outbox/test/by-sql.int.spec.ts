import { readFileSync } from 'node:fs';
import { closeFixtures, openContext } from '@acme/internal-testing';
import {
  Outbox,
  OutboxAdmin,
  OutboxModule,
  OutboxRelay,
  PostgresOutboxStore,
  type OutboxMessage,
} from '@acme/nest-outbox';
import { fromPg, TransactionModule, Transactions } from '@acme/nest-transaction';
import { Module } from '@nestjs/common';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { addBySql, changeLanes, laneFunction } from '../src/by-sql.js';
import { arrivals, openShop, payloadOf, publisherTo } from './support/shop.js';

afterAll(closeFixtures);

let shop: Awaited<ReturnType<typeof openShop>>;
beforeAll(async () => {
  shop = await openShop();
  await shop.database.pool.query(laneFunction);
});

/** An application whose relay runs when the test says so. */
async function openApp(attempts = 20) {
  const { database, broker, exchange } = shop;
  @Module({
    imports: [
      TransactionModule.forRoot({ adapter: fromPg(database.pool) }),
      OutboxModule.forRoot({
        store: new PostgresOutboxStore({ database: database.pool }),
        publisher: publisherTo(broker.url, exchange),
        relay: { mode: 'off' },
        retry: { attempts },
      }),
    ],
  })
  class AppModule {}
  const { app, close } = await openContext(AppModule);
  const add = (messages: OutboxMessage[]) =>
    app.get(Transactions).run(() => app.get(Outbox).add(messages));
  return { add, relay: app.get(OutboxRelay), admin: app.get(OutboxAdmin), close };
}

it('a row that SQL has written is published like any other', async () => {
  const { database, broker, queue } = shop;
  const { add, relay } = await openApp();
  const keys = ['a', 'order-1', '주문-7', '😀', ...Array.from({ length: 200 }, (_, n) => `k${n}`)];
  await add(keys.map((key) => ({ type: 'x.v1', key, payload: {} })));
  const differing = await database.pool.query(
    'select key from outbox_messages where lane <> outbox_lane(key)',
  );
  expect(differing.rows).toEqual([]);
  await database.pool.query('delete from outbox_messages');

  await database.pool.query(`insert into shop_order values ('order-1', 5)`);
  await database.pool.query(addBySql, ['order-1']);
  await expect(relay.runOnce()).resolves.toMatchObject({ published: 1 });
  const [placed] = await arrivals(broker, queue, 1);
  expect(placed && payloadOf(placed)).toEqual({ orderId: 'order-1' });
  expect(placed?.properties.headers?.['idempotency-key']).toBe(placed?.properties.messageId);
});

it('another number of lanes is another number of lanes for what is parked, too', async () => {
  const { database, broker, queue } = shop;
  const before = await openApp(1);
  const message = { type: 'late.v1', payload: {}, exchange: `${shop.exchange}-missing` };
  await before.add(Array.from({ length: 40 }, (_, n) => ({ ...message, key: `key-${n}` })));
  await expect(before.relay.runOnce()).resolves.toMatchObject({ parked: 40 });
  await before.close();

  await database.pool.query(changeLanes);
  const after = await openApp();
  await expect(after.admin.status()).resolves.toMatchObject({ lanes: 32, parked: 40 });
  await database.pool.query('update outbox_parked set exchange = null');
  await after.admin.redrive();
  await expect(after.relay.runOnce()).resolves.toMatchObject({ published: 40 });
  await expect(arrivals(broker, queue, 40)).resolves.toHaveLength(40);
});

it.each(['reference/outbox-sql.md', 'operations/outbox-runbook.md'])(
  'the queries of docs/%s can be asked',
  async (page) => {
    const { close } = await openApp();
    const text = readFileSync(new URL(`../../../docs/${page}`, import.meta.url), 'utf8');
    const queries = [...text.matchAll(/```sql\n([\s\S]*?)```/g)]
      .flatMap(([, block]) => (block ?? '').split(';'))
      .filter((query) => query.trim() !== '');
    expect(queries.length).toBeGreaterThan(1);
    for (const query of queries) await shop.database.pool.query(query);
    await close();
  },
);
