import {
  closeFixtures,
  openContext,
  tcpProxy,
  waitFor,
  type TestBroker,
} from '@acme/internal-testing';
import { OutboxModule, PostgresOutboxStore } from '@acme/nest-outbox';
import { fromPg, TransactionModule } from '@acme/nest-transaction';
import { Module } from '@nestjs/common';
import { connect } from 'amqplib';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { commitFirst, publishFirst } from '../src/dual-write.js';
import { Orders } from '../src/orders.js';
import { arrivals, openShop, publisherTo } from './support/shop.js';

afterAll(closeFixtures);

type Shop = Awaited<ReturnType<typeof openShop>>;
let shop: Shop;
beforeEach(async () => {
  shop = await openShop();
});

const ordersIn = async ({ database }: Shop) =>
  (await database.pool.query('select id from shop_order')).rowCount;
const eventsIn = async (broker: TestBroker, queue: string) => (await broker.queue(queue))?.messages;

/** A confirm channel over a connection that can be lost. */
async function lossyChannel({ broker }: Shop) {
  const proxy = await tcpProxy(broker.url);
  const connection = await connect(proxy.url);
  connection.on('error', () => {});
  const channel = await connection.createConfirmChannel();
  channel.on('error', () => {});
  return { proxy, channel, close: () => connection.close().catch(() => {}) };
}

describe('without an outbox', () => {
  it('an order that was committed is never heard of when the broker is away', async () => {
    const { proxy, channel, close } = await lossyChannel(shop);
    proxy.down();
    const order = { id: 'order-1', amount: 5 };
    await expect(commitFirst(shop.database.pool, channel, shop.exchange, order)).rejects.toThrow(
      /closed/i,
    );
    proxy.restore();
    expect(await ordersIn(shop)).toBe(1);
    expect(await eventsIn(shop.broker, shop.queue)).toBe(0);
    await close();
  });

  it('an order that the database refuses is announced all the same', async () => {
    const { channel, close } = await lossyChannel(shop);
    const { pool } = shop.database;
    const order = { id: 'order-1', amount: 5 };
    await publishFirst(pool, channel, shop.exchange, order);
    await expect(publishFirst(pool, channel, shop.exchange, order)).rejects.toThrow('unique');
    expect(await ordersIn(shop)).toBe(1);
    expect(await eventsIn(shop.broker, shop.queue)).toBe(2);
    await close();
  });
});

describe('with the outbox', () => {
  async function open() {
    const proxy = await tcpProxy(shop.broker.url);
    @Module({
      imports: [
        TransactionModule.forRoot({ adapter: fromPg(shop.database.pool) }),
        OutboxModule.forRoot({
          store: new PostgresOutboxStore({ database: shop.database.pool }),
          publisher: publisherTo(proxy.url, shop.exchange),
        }),
      ],
      providers: [Orders],
    })
    class AppModule {}
    const { app, log } = await openContext(AppModule);
    return { proxy, orders: app.get(Orders), log };
  }

  it('the order is taken while the broker is away, and announced once when it is back', async () => {
    const { proxy, orders, log } = await open();
    proxy.down();
    await orders.place({ id: 'order-1', amount: 5 });
    await waitFor(
      () => log.entries.some(({ message }) => String(message).includes('broker does')),
      {
        what: 'the relay to notice',
      },
    );
    expect(await eventsIn(shop.broker, shop.queue)).toBe(0);
    proxy.restore();
    await expect(arrivals(shop.broker, shop.queue, 1)).resolves.toHaveLength(1);
  });

  it('an order that the database refuses is announced to nobody', async () => {
    const { orders } = await open();
    await orders.place({ id: 'order-1', amount: 5 });
    await expect(orders.place({ id: 'order-1', amount: 5 })).rejects.toThrow('unique');
    await orders.place({ id: 'order-2', amount: 5 });
    await expect(arrivals(shop.broker, shop.queue, 2)).resolves.toHaveLength(2);
  });
});
