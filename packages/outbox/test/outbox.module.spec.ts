import 'reflect-metadata';
import * as outboxPackage from '@acme/nest-outbox';
import {
  isOutboxError,
  Outbox,
  OutboxAmqpConnection,
  OutboxConfigurationError,
  OutboxModule,
  OutboxRelay,
  OutboxRelayRunningError,
  PostgresOutboxStore,
  type OutboxModuleExtras,
  type OutboxModuleOptions,
} from '@acme/nest-outbox';
import { RabbitMqPublisher } from '@acme/nest-rabbitmq';
import { EventSink } from '@acme/nest-message-context';
import { TransactionModule } from '@acme/nest-transaction';
import { openContext } from '@acme/internal-testing';
import { Module, type DynamicModule } from '@nestjs/common';
import { describe, expect, it, vi } from 'vitest';
import { emptyStore, noAdapter as adapter, NullPublisher } from './support/parts.js';

const moduleOf = (...imports: DynamicModule[]) => {
  @Module({ imports })
  class AppModule {}
  return AppModule;
};

const open = (options: OutboxModuleOptions & OutboxModuleExtras) => {
  @Module({ imports: [OutboxModule.forRoot({ transactions: false, ...options })] })
  class AppModule {}
  return openContext(AppModule);
};

describe('OutboxModule', () => {
  it('provides the outbox, also as the EventSink, and starts and stops the relay with the application', async () => {
    const publisher = new NullPublisher();
    const { app, close } = await open({ store: emptyStore(), publisher });
    expect(app.get(EventSink)).toBe(app.get(Outbox));
    const relay = app.get(OutboxRelay);
    expect(relay.isRunning).toBe(true);
    await expect(relay.runOnce()).rejects.toThrow(OutboxRelayRunningError);
    relay.start();
    await close();
    expect(relay.isRunning).toBe(false);
    expect(publisher.close).toHaveBeenCalledTimes(1);
  });

  it('closes within relay.stopTimeout although the publisher does not', async () => {
    const publisher = Object.assign(new NullPublisher(), {
      close: vi.fn<() => Promise<void>>(() => new Promise(() => {})),
    });
    const relay = { stopTimeout: 200 };
    const { close } = await open({ store: emptyStore(), publisher, relay });
    await close();
    expect(publisher.close).toHaveBeenCalledTimes(1);
  });

  it('takes its options from a factory', async () => {
    @Module({
      imports: [
        OutboxModule.forRootAsync({
          transactions: false,
          useFactory: () => ({ store: emptyStore(), relay: { mode: 'off' as const } }),
        }),
      ],
    })
    class AppModule {}
    const { app, close } = await openContext(AppModule);
    expect(app.get(OutboxRelay).isRunning).toBe(false);
    await expect(app.get(OutboxRelay).runOnce()).rejects.toThrow(/publisher: missing/);
    await close();
  });

  it('can be stopped, started and stopped again', async () => {
    const { app, close } = await open({ store: emptyStore(), publisher: new NullPublisher() });
    const relay = app.get(OutboxRelay);
    await relay.stop();
    await expect(relay.runOnce()).resolves.toEqual({
      published: 0,
      heldBack: 0,
      parked: 0,
      brokerDown: false,
    });
    relay.start();
    expect(relay.isRunning).toBe(true);
    await close();
  });

  it('says what to do where neither transactions nor a handle are there', async () => {
    const { app, close } = await open({ store: emptyStore(), relay: { mode: 'off' } });
    const error = await app
      .get(Outbox)
      .add({ type: 'a', payload: 1 })
      .catch((refused: unknown) => refused);
    expect(isOutboxError(error, 'OUTBOX_TRANSACTION_REQUIRED')).toBe(true);
    expect(isOutboxError(error, 'OUTBOX_SCHEMA')).toBe(false);
    expect((error as Error).message).toMatch(/import TransactionModule/);
    await close();
  });

  it('only publishes as a worker: it needs no transactions, and adds nothing', async () => {
    const insert = vi.fn<() => Promise<void>>(async () => {});
    const worker = OutboxModule.forRoot({
      store: emptyStore({ insert }),
      publisher: new NullPublisher(),
      relay: { mode: 'worker' },
    });
    const { app, close } = await openContext(moduleOf(worker));
    expect(app.get(OutboxRelay).isRunning).toBe(true);
    const message = { type: 'a', payload: 1 };
    const standIn = () => new OutboxAmqpConnection(app.get(Outbox)).publish('x', 'a', 1);
    for (const add of [
      () => app.get(EventSink).add(message),
      () => app.get(Outbox).add([], { tx: {} }),
      async () => standIn(),
    ]) {
      const adding = add();
      const error = await adding.catch((refused: unknown) => refused);
      expect(isOutboxError(error, 'OUTBOX_WORKER_ONLY')).toBe(true);
      expect((error as Error).message).toMatch(/'embedded'.*'off'/);
    }
    // At once, as every refusal of theirs.
    expect(standIn).toThrow(/only publishes/);
    expect(insert).not.toHaveBeenCalled();
    await close();
    const publisherless = { store: emptyStore(), relay: { mode: 'worker' as const } };
    await expect(open(publisherless)).rejects.toThrow(/publisher: missing/);
  });

  describe('whose transactions', () => {
    const options = { store: emptyStore(), relay: { mode: 'off' as const } };
    const boot = (...imports: DynamicModule[]) => {
      @Module({ imports })
      class AppModule {}
      return openContext(AppModule).then(
        ({ close }) => close(),
        (refused: unknown) => refused,
      );
    };

    it('are missing says at boot what to write', async () => {
      const error = await boot(OutboxModule.forRoot(options));
      expect(error).toBeInstanceOf(OutboxConfigurationError);
      expect((error as OutboxConfigurationError).problems).toEqual([
        expect.stringMatching(
          /^transactions: .*TransactionModule\.forRoot\(\{ adapter \}\).*transactions: false/,
        ),
      ]);
    });

    it('have another name names the one that is missing, beside whatever else is wrong', async () => {
      const wrong = { ...options, transactions: 'orders', retry: { attempts: 0 } };
      const error = await boot(
        TransactionModule.forRoot({ adapter, name: 'order' }),
        OutboxModule.forRoot(wrong),
      );
      expect((error as OutboxConfigurationError).problems).toEqual([
        expect.stringContaining("TransactionModule.forRoot({ adapter, name: 'orders' })"),
        expect.stringContaining('retry.attempts'),
      ]);
    });

    it('are said to belong elsewhere where a factory returns what decides about the module', async () => {
      const useFactory = () => ({ store: emptyStore(), transactions: 'orders' }) as never;
      const error = await boot(
        TransactionModule.forRoot({ adapter }),
        OutboxModule.forRootAsync({ useFactory }),
      );
      expect((error as OutboxConfigurationError).problems).toContainEqual(
        expect.stringMatching(/^transactions: is given to forRoot\(\) .* beside useFactory/),
      );
    });

    it('are there finds them by their name, wherever they are imported', async () => {
      const orders = { ...options, transactions: 'orders' };
      await expect(
        boot(
          OutboxModule.forRoot(orders),
          TransactionModule.forRootAsync({
            name: 'orders',
            useFactory: async () => ({ adapter }),
          }),
        ),
      ).resolves.toBeUndefined();
    });

    it.each(['before', 'after'])(
      'cannot be made leaves the word to their own error, imported %s it',
      async (place) => {
        const broken = TransactionModule.forRootAsync({
          useFactory: async () => ({ adapter: undefined as never }),
        });
        const outbox = OutboxModule.forRoot(options);
        const error = await boot(...(place === 'before' ? [broken, outbox] : [outbox, broken]));
        expect(error).toMatchObject({ code: 'TRANSACTION_CONFIGURATION' });
      },
    );
  });

  it('fails at boot with one error that lists every wrong option', async () => {
    const wrong = {
      store: {},
      relay: {
        mode: 'workers',
        lanes: 0,
        batchSize: '10',
        window: 1.5,
        pollInterval: '1 second',
        lease: 0,
        stopTimeout: null,
        enabled: true,
      },
      retry: { attempts: -1, backoff: 'x', maxBackoff: 'y' },
      publsher: 1,
    } as never;
    const error = (await open(wrong).catch(
      (refused: unknown) => refused,
    )) as OutboxConfigurationError;
    expect(error).toBeInstanceOf(OutboxConfigurationError);
    const named = error.problems.map((problem) => problem.split(':')[0]);
    expect(named).toEqual([
      'options.publsher',
      'relay.enabled',
      'relay.mode',
      'store',
      'publisher',
      'relay.batchSize',
      'relay.window',
      'relay.pollInterval',
      'relay.lease',
      'relay.stopTimeout',
      'retry.attempts',
      'retry.backoff',
      'retry.maxBackoff',
      'relay.lanes',
    ]);
  });

  it('refuses a pause that no timer can make, which would end at once, and one that is never made', async () => {
    const error = await open({
      store: emptyStore(),
      publisher: new NullPublisher(),
      relay: { lease: '25d', stopTimeout: '4w', pollInterval: '25d' },
      retry: { backoff: '10m' },
    }).catch((refused: unknown) => refused);
    expect((error as OutboxConfigurationError).problems).toEqual([
      'relay.lease: "25d" is longer than \'24d\', which no timer is.',
      'relay.stopTimeout: "4w" is longer than \'24d\', which no timer is.',
      'retry.backoff: "10m" is longer than retry.maxBackoff, "5m". Raise that as well.',
    ]);
    const connect = async () => ({}) as never;
    expect(() => new RabbitMqPublisher({ connect, publishTimeout: '25d' })).toThrow(
      /publishTimeout: "25d" is longer/,
    );
  });

  it('refuses a store that cannot be one', () => {
    const query = async () => ({ rows: [], rowCount: 0 });
    const make = (options: object) => () => new PostgresOutboxStore(options as never);
    expect(make({ database: { dialect: 'mysql', query } })).toThrow(OutboxConfigurationError);
    expect(make({ database: { dialect: 'postgres', query }, schema: 'a"b' })).toThrow(/schema/);
    expect(make({ database: {} })).toThrow(/not a database handle/);
    expect(make({ database: { dialect: 'postgres', query }, listen: 'postgres://' })).toThrow(
      /store\.listen: "postgres:\/\/" is no function.*new pg\.Client/,
    );
    expect(make({ databse: {}, shcema: 'a' } as never)).toThrow(
      /store\.databse: .*store\.shcema: .*store\.database: missing/s,
    );
  });

  it('are named in one error where a publisher has wrong ones', () => {
    const wrong = { exchnge: 'x', connect: 1, exchange: 2, publishTimeout: 'soon', window: 0 };
    expect(() => new RabbitMqPublisher(wrong as never)).toThrow(
      /exchnge: .*connect: .*exchange: 2 .*publishTimeout: "soon".*window: 0/s,
    );
  });

  it('exports what it says and nothing else', () => {
    expect(Object.keys(outboxPackage).sort()).toMatchInlineSnapshot(`
      [
        "ClientProxyPublisher",
        "DEFAULT_OUTBOX",
        "InjectOutbox",
        "InjectOutboxAdmin",
        "InjectOutboxEvents",
        "InjectOutboxHealth",
        "InjectOutboxRelay",
        "MariaDbOutboxStore",
        "Outbox",
        "OutboxAdmin",
        "OutboxAmqpConnection",
        "OutboxClientProxy",
        "OutboxConfigurationError",
        "OutboxError",
        "OutboxEvent",
        "OutboxEvents",
        "OutboxHealthIndicator",
        "OutboxMessageInvalidError",
        "OutboxModule",
        "OutboxRelay",
        "OutboxRelayRunningError",
        "OutboxSchemaError",
        "OutboxStore",
        "OutboxStoreTimeoutError",
        "OutboxTransactionRequiredError",
        "OutboxUnsupportedError",
        "OutboxWorkerOnlyError",
        "PostgresOutboxStore",
        "getOutboxAdminToken",
        "getOutboxEventsToken",
        "getOutboxHealthToken",
        "getOutboxRelayToken",
        "getOutboxToken",
        "isOutboxError",
        "provideOutboxAmqpConnection",
        "provideOutboxClientProxy",
      ]
    `);
  });
});
