import {
  closeFixtures,
  openContext,
  testDatabase,
  testMariaDatabase,
  waitFor,
} from '@acme/internal-testing';
import { OutboxAdmin, OutboxRelay } from '@acme/nest-outbox';
import type { DynamicModule } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { MariaDbModule, MariaDbOrders } from '../src/mariadb.js';
import { Orders } from '../src/orders.js';
import { ApiModule, WorkerModule } from '../src/processes.js';
import { Ledger, TenantsModule } from '../src/tenants.js';
import { OrderEntity, TypeOrmModule, TypeOrmOrders } from '../src/typeorm.js';
import { arrivals, openShop, payloadOf, publisherTo, typeOf } from './support/shop.js';

afterAll(closeFixtures);

let shop: Awaited<ReturnType<typeof openShop>>;
beforeEach(async () => {
  shop = await openShop();
});

const open = async (module: DynamicModule) => (await openContext(module)).app;

it('a transaction of TypeORM takes messages, ours and one opened by hand', async () => {
  const { broker, database, exchange, queue } = shop;
  const dataSource = await new DataSource({
    type: 'postgres',
    url: database.url,
    entities: [OrderEntity],
  }).initialize();
  const app = await open(TypeOrmModule.with(dataSource, publisherTo(broker.url, exchange)));
  await app.get(TypeOrmOrders).place({ id: 'order-1', amount: 5 });
  await app.get(TypeOrmOrders).placeInMyOwn({ id: 'order-2', amount: 5 });
  const again = app.get(TypeOrmOrders).placeInMyOwn({ id: 'order-2', amount: 5 });
  await expect(again).rejects.toThrow('unique');
  expect(new Set((await arrivals(broker, queue, 2)).map(payloadOf))).toEqual(
    new Set([
      { orderId: 'order-1', amount: 5 },
      { orderId: 'order-2', amount: 5 },
    ]),
  );
  await app.close();
  await dataSource.destroy();
});

it('a transaction of MariaDB takes messages', async () => {
  const { broker, exchange, queue } = shop;
  const { pool } = await testMariaDatabase();
  await pool.query('create table shop_order (id varchar(50) primary key, amount integer)');
  const app = await open(MariaDbModule.with(pool, publisherTo(broker.url, exchange)));
  await app.get(MariaDbOrders).place({ id: 'order-1', amount: 5 });
  const again = app.get(MariaDbOrders).place({ id: 'order-1', amount: 5 });
  await expect(again).rejects.toThrow('Duplicate');
  expect((await arrivals(broker, queue, 1)).map(payloadOf)).toEqual([
    { orderId: 'order-1', amount: 5 },
  ]);
});

it('one process adds and another publishes', async () => {
  const { broker, database, exchange, queue } = shop;
  const addresses = { databaseUrl: database.url, amqpUrl: broker.url, exchange };
  const api = await open(ApiModule.with(database.pool, addresses));
  await open(WorkerModule.with(database.pool, addresses));
  await api.get(Orders).place({ id: 'order-1', amount: 5 });
  expect((await arrivals(broker, queue, 1)).map(typeOf)).toEqual(['order.placed.v1']);
});

it('each database has an outbox of its own', async () => {
  const { broker, database, exchange, queue } = shop;
  const ledger = await testDatabase();
  const publisher = () => publisherTo(broker.url, exchange);
  const app = await open(TenantsModule.with(database.pool, ledger.pool, publisher));
  await app.get(Ledger).book('entry-1');
  expect((await arrivals(broker, queue, 1)).map(typeOf)).toEqual(['entry.booked.v1']);
  await waitFor(async () => (await app.get(OutboxAdmin).status()).pending === 0);
  expect(app.get(OutboxRelay).isRunning).toBe(true);
});
