import { closeFixtures, openContext, testBroker } from '@acme/internal-testing';
import {
  Outbox,
  OutboxAdmin,
  OutboxModule,
  OutboxRelay,
  type OutboxStore,
} from '@acme/nest-outbox';
import { TransactionModule, Transactions } from '@acme/nest-transaction';
import { Module } from '@nestjs/common';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { onMariaDb, onPostgres } from './support/databases.js';
import { arrivals, declareExchange, publisherTo } from './support/shop.js';

afterAll(closeFixtures);

function moduleOf(store: OutboxStore) {
  @Module({
    imports: [OutboxModule.forRoot({ store, transactions: false, relay: { mode: 'off' } })],
  })
  class AppModule {}
  return AppModule;
}

describe.each([
  ['PostgreSQL', onPostgres],
  ['MariaDB', onMariaDb],
] as const)('the rights of a service, on %s', (_name, openDatabase) => {
  it('one that may create tables makes those of the outbox', async () => {
    const service = await (await openDatabase()).asService('create');
    onTestFinished(() => service.close());
    const store = service.store(true);
    await store.prepare(undefined);
    await expect(service.store(true).prepare(store.lanes)).resolves.toBeUndefined();
  });

  it('one that may not adds, publishes, parks, redrives and keeps messages, when somebody else has applied the SQL', async () => {
    const [broker, database] = await Promise.all([testBroker(), openDatabase()]);
    const { exchange, queue } = await declareExchange(broker);
    const early = await database.asService();
    await expect(early.store(true).prepare(undefined)).rejects.toThrow(/denied/);
    const boots = openContext(moduleOf(early.store(true)));
    await expect(boots).rejects.toThrow(
      /cannot use its tables: .*denied.* npx nest-outbox migrate/s,
    );
    await early.close();
    const script = (database.store as unknown as { migrationSql(): string }).migrationSql();
    await database.query(script, []);
    const service = await database.asService();
    onTestFinished(() => service.close());

    const open = (migrate: boolean) => {
      @Module({
        imports: [
          TransactionModule.forRoot({ adapter: service.adapter }),
          OutboxModule.forRoot({
            store: service.store(migrate),
            publisher: publisherTo(broker.url, exchange),
            relay: { mode: 'off' },
            retry: { attempts: 1, onPark: 'block-key' },
            retention: '1d',
            sequence: true,
          }),
        ],
      })
      class AppModule {}
      return openContext(AppModule);
    };

    // There is nothing left to be made.
    await (await open(true)).close();
    const { app, close } = await open(false);
    const [outbox, relay, admin] = [app.get(Outbox), app.get(OutboxRelay), app.get(OutboxAdmin)];
    await app.get(Transactions).run(() =>
      outbox.add([
        { type: 'a.v1', key: 'k', payload: 1, exchange: `${exchange}-missing` },
        { type: 'b.v1', key: 'k', payload: 2 },
        { type: 'c.v1', payload: 3, delay: 1 },
      ]),
    );
    await relay.runOnce();
    await expect(admin.status()).resolves.toMatchObject({ parked: 1, waiting: 1 });
    await expect(admin.discard({})).resolves.toBe(1);
    await relay.runOnce();
    await expect(arrivals(broker, queue, 2)).resolves.toHaveLength(2);
    await expect(admin.replay({})).resolves.toBe(2);
    await expect(relay.runOnce()).resolves.toMatchObject({ published: 2 });
    await expect(admin.redrive()).resolves.toBe(0);
    await close();
  });
});
