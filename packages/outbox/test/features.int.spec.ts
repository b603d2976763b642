import 'reflect-metadata';
import {
  declareQueue,
  openContext,
  takeAll,
  testBroker,
  testDatabase,
  waitFor,
  type TestBroker,
  type TestDatabase,
} from '@acme/internal-testing';
import {
  getOutboxRelayToken,
  getOutboxToken,
  Outbox,
  OutboxModule,
  OutboxRelay,
  PostgresOutboxStore,
  type OutboxModuleOptions,
} from '@acme/nest-outbox';
import { RabbitMqPublisher } from '@acme/nest-rabbitmq';
import {
  fromPg,
  getTransactionsToken,
  TransactionModule,
  Transactions,
} from '@acme/nest-transaction';
import { Module, type DynamicModule } from '@nestjs/common';
import { connect } from 'amqplib';
import pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';

describe('several outboxes of one application', () => {
  let main: TestDatabase;
  let other: TestDatabase;
  let broker: TestBroker;
  beforeEach(async () => {
    [main, other, broker] = await Promise.all([testDatabase(), testDatabase(), testBroker()]);
  });

  const boot = (...imports: DynamicModule[]) => {
    @Module({ imports })
    class AppModule {}
    return openContext(AppModule);
  };
  const outboxIn = (
    database: unknown,
    schema?: string,
    more: Partial<OutboxModuleOptions> = {},
  ) => ({
    store: new PostgresOutboxStore({ database, schema }),
    publisher: new RabbitMqPublisher({ connect: () => connect(broker.url) }),
    ...more,
  });

  it('publish what was added to each, in the transaction of its own database', async () => {
    const queue = await declareQueue(broker, 'two');
    const { app, close } = await boot(
      TransactionModule.forRoot({ adapter: fromPg(main.pool) }),
      TransactionModule.forRoot({ adapter: fromPg(other.pool), name: 'billing' }),
      OutboxModule.forRoot(outboxIn(main.pool, undefined, { relay: { mode: 'off' } })),
      OutboxModule.forFeature('billing', outboxIn(other.pool, undefined, { relay: { lanes: 4 } })),
    );
    const [outbox, billing] = [app.get(Outbox), app.get<Outbox>(getOutboxToken('billing'))];
    const its = app.get<Transactions>(getTransactionsToken('billing'));
    await app.get(Transactions).run(async () => {
      await outbox.add({ type: queue, payload: 'main' });
      await its.run(() => billing.add({ type: queue, payload: 'billing' }));
    });
    await waitFor(async () => (await broker.queue(queue))?.messages === 1);
    const [first] = await takeAll(broker, queue);
    expect(first?.content.toString()).toBe('"billing"');
    await expect(app.get(OutboxRelay).runOnce()).resolves.toMatchObject({ published: 1 });
    const lanes = await other.pool.query('select count(*)::int as lanes from outbox_lanes');
    expect(lanes.rows).toEqual([{ lanes: 4 }]);
    await close();
  });

  it('on the very same tables are refused, whatever pools and schemas name them', async () => {
    const second = new pg.Pool({ connectionString: main.url });
    await second.query(`set timezone to 'Asia/Tokyo'`);
    const alone = { transactions: false as const };
    const refused = boot(
      OutboxModule.forRoot({ ...outboxIn(main.pool), ...alone }),
      OutboxModule.forFeature('billing', { ...outboxIn(second, main.schema), ...alone }),
    );
    await expect(refused).rejects.toMatchObject({
      code: 'OUTBOX_CONFIGURATION',
      problems: [expect.stringMatching(/^store: .*forFeature\('billing'\).* have the same tables/)],
    });
    const lanes = boot(
      OutboxModule.forRoot({ ...outboxIn(main.pool), ...alone }),
      OutboxModule.forFeature('billing', {
        ...outboxIn(second, main.schema, { relay: { mode: 'off', lanes: 3 } }),
        ...alone,
      }),
    );
    await expect(lanes).rejects.toThrow(/relay\.lanes is 3, but the outbox .* has 16 lanes/);
    await second.end();
  });

  it('that share tables, one of which only adds, publish by the other', async () => {
    const queue = await declareQueue(broker, 'shared');
    const second = new pg.Pool({ connectionString: main.url });
    const { app, close } = await boot(
      TransactionModule.forRoot({ adapter: fromPg(main.pool) }),
      TransactionModule.forRoot({ adapter: fromPg(second), name: 'legacy' }),
      OutboxModule.forRoot(outboxIn(main.pool)),
      OutboxModule.forFeature('legacy', {
        store: new PostgresOutboxStore({ database: second }),
        relay: { mode: 'off' },
      }),
    );
    expect(app.get<OutboxRelay>(getOutboxRelayToken('legacy')).isRunning).toBe(false);
    const legacy = app.get<Outbox>(getOutboxToken('legacy'));
    await app
      .get<Transactions>(getTransactionsToken('legacy'))
      .run(() => legacy.add({ type: queue, payload: 1 }));
    await waitFor(async () => (await broker.queue(queue))?.messages === 1);
    await close();
    await second.end();
  });

  it('in schemas of one database have nothing in common', async () => {
    const [one, two] = [`${main.schema}_one`, `${main.schema}_two`];
    await main.pool.query(`create schema ${one}; create schema ${two}`);
    const queue = await declareQueue(broker, 'schemas');
    const options = (schema: string) => ({
      ...outboxIn(main.pool, schema),
      transactions: 'default',
    });
    const { app, close } = await boot(
      TransactionModule.forRoot({ adapter: fromPg(main.pool) }),
      OutboxModule.forFeature('one', options(one)),
      OutboxModule.forFeature('two', options(two)),
    );
    await app.get(Transactions).run(async () => {
      await app.get<Outbox>(getOutboxToken('one')).add({ type: queue, payload: 1 });
      await app.get<Outbox>(getOutboxToken('two')).add({ type: queue, payload: 2 });
    });
    await waitFor(async () => (await broker.queue(queue))?.messages === 2);
    await close();
  });
});
