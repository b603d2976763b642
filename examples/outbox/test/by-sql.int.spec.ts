import { closeFixtures, openContext, testBroker } from '@acme/internal-testing';
import {
  Outbox,
  OutboxAdmin,
  OutboxModule,
  OutboxRelay,
  type OutboxMessage,
} from '@acme/nest-outbox';
import { TransactionModule, Transactions } from '@acme/nest-transaction';
import { Module } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { orderTable } from '../src/orders.js';
import { onMariaDb, onPostgres, type ShopDatabase } from './support/databases.js';
import { arrivals, declareExchange, payloadOf, publisherTo } from './support/shop.js';

afterAll(closeFixtures);

describe.each([
  ['PostgreSQL', onPostgres, orderTable],
  ['MariaDB', onMariaDb, 'create table shop_order (id varchar(50) primary key, amount integer)'],
] as const)('%s', (_name, open, table) => {
  let database: ShopDatabase;
  let shop: Awaited<ReturnType<typeof declareExchange>>;
  let broker: Awaited<ReturnType<typeof testBroker>>;
  beforeAll(async () => {
    [broker, database] = await Promise.all([testBroker(), open()]);
    shop = await declareExchange(broker);
    await database.query(table);
    await database.query(database.sql.laneFunction);
  });

  /** An application whose relay runs when the test says so. */
  async function openApp(attempts = 20) {
    @Module({
      imports: [
        TransactionModule.forRoot({ adapter: database.adapter }),
        OutboxModule.forRoot({
          store: database.store,
          publisher: publisherTo(broker.url, shop.exchange),
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

  const key = () => (database.name === 'MariaDB' ? '`key`' : 'key');

  it('a row that SQL has written is published like any other', async () => {
    const { add, relay, close } = await openApp();
    const keys = [
      'a',
      'order-1',
      '주문-7',
      '😀',
      '',
      ...Array.from({ length: 200 }, (_, n) => `k${n}`),
    ];
    await add(keys.map((one) => ({ type: 'x.v1', key: one, payload: {} })));
    const differing = `select ${key()} from outbox_messages where lane <> outbox_lane(${key()})`;
    await expect(database.query(differing)).resolves.toEqual([]);
    await database.query('delete from outbox_messages');

    await database.query(`insert into shop_order (id, amount) values ('order-1', 5)`);
    await database.query(database.sql.addBySql, ['order-1']);
    await expect(relay.runOnce()).resolves.toMatchObject({ published: 1 });
    const [placed] = await arrivals(broker, shop.queue, 1);
    expect(placed && payloadOf(placed)).toEqual({ orderId: 'order-1' });
    expect(placed?.properties.headers?.['idempotency-key']).toBe(placed?.properties.messageId);
    await close();
  });

  it('another number of lanes is another number of lanes for what is parked, too', async () => {
    const before = await openApp(1);
    const message = { type: 'late.v1', payload: {}, exchange: `${shop.exchange}-missing` };
    await before.add(Array.from({ length: 40 }, (_, n) => ({ ...message, key: `key-${n}` })));
    await expect(before.relay.runOnce()).resolves.toMatchObject({ parked: 40 });
    await before.close();

    await database.query(database.sql.changeLanes);
    const after = await openApp();
    await expect(after.admin.status()).resolves.toMatchObject({ lanes: 32, parked: 40 });
    await database.query('update outbox_parked set exchange = null');
    await after.admin.redrive();
    await expect(after.relay.runOnce()).resolves.toMatchObject({ published: 40 });
    await expect(arrivals(broker, shop.queue, 40)).resolves.toHaveLength(40);
    await after.close();
  });
});
