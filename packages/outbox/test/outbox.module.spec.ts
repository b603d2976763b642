import 'reflect-metadata';
import * as outboxPackage from '@acme/nest-outbox';
import {
  isOutboxError,
  Outbox,
  OutboxConfigurationError,
  OutboxModule,
  OutboxRelay,
  OutboxRelayRunningError,
  OutboxStore,
  PostgresOutboxStore,
  type OutboxModuleOptions,
} from '@acme/nest-outbox';
import { EventSink, Publisher } from '@acme/nest-message-context';
import { openContext } from '@acme/internal-testing';
import { Module } from '@nestjs/common';
import { describe, expect, it, vi } from 'vitest';

/** A store with empty tables. */
function emptyStore(): OutboxStore {
  return {
    lanes: 1,
    prepare: async () => {},
    insert: async () => {},
    tend: async (_relay, held) => ({ relays: 1, renewed: held.map(({ lane }) => lane) }),
    claim: async () => [{ lane: 0, token: 1, takenOver: false }],
    release: async () => {},
    leave: async () => {},
    readPending: async () => [],
    readBlocks: async () => [],
    readWaiting: async () => ({ messages: [], empty: [] }),
    remove: async () => 0,
    divert: async () => {},
    holdBack: async () => {},
    park: async () => {},
    unblock: async () => [],
  };
}

class NullPublisher extends Publisher {
  readonly close = vi.fn<() => Promise<void>>(async () => {});
  publish = async () => [];
}

const open = (options: OutboxModuleOptions) => {
  @Module({ imports: [OutboxModule.forRoot(options)] })
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

  it('takes its options from a factory', async () => {
    @Module({
      imports: [
        OutboxModule.forRootAsync({
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

  it('fails at boot with one error that lists every wrong option', async () => {
    const wrong = {
      store: {},
      relay: {
        mode: 'worker',
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

  it('refuses a store that cannot be one', () => {
    const query = async () => ({ rows: [], rowCount: 0 });
    const make = (options: object) => () => new PostgresOutboxStore(options as never);
    expect(make({ database: { dialect: 'mysql', query } })).toThrow(OutboxConfigurationError);
    expect(make({ database: { dialect: 'postgres', query }, schema: 'a"b' })).toThrow(/schema/);
    expect(make({ database: {} })).toThrow(/not a database handle/);
  });

  it('exports what it says and nothing else', () => {
    expect(Object.keys(outboxPackage).sort()).toMatchInlineSnapshot(`
      [
        "Outbox",
        "OutboxConfigurationError",
        "OutboxError",
        "OutboxMessageInvalidError",
        "OutboxModule",
        "OutboxRelay",
        "OutboxRelayRunningError",
        "OutboxSchemaError",
        "OutboxStore",
        "OutboxStoreTimeoutError",
        "OutboxTransactionRequiredError",
        "PostgresOutboxStore",
        "PublishError",
        "PublisherClosedError",
        "PublisherConfigurationError",
        "RabbitMqPublisher",
        "isOutboxError",
      ]
    `);
  });
});
