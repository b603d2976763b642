import { testBroker, type TestBroker } from '@acme/internal-testing';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { doctor } from '../support/findings.js';
import { openOutboxApp, type OutboxAppOptions } from '../support/outbox-app.js';
import { OUTBOX_DATABASES, type OutboxDatabase } from '../support/outbox-database.js';

describe.each(OUTBOX_DATABASES)('the doctor, of failures on %s', (_, open) => {
  let database: OutboxDatabase;
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await testBroker();
  });
  beforeEach(async () => {
    database = await open();
  });

  const opened = (options: OutboxAppOptions = {}) =>
    openOutboxApp(database, broker, { relay: { mode: 'off' }, ...options });
  const withBroker = () => ['--amqp', broker.url];

  it('finds the exchange to which nothing is bound, while the message is tried again', async () => {
    const exchange = broker.name('unbound');
    const channel = await broker.channel();
    await channel.assertExchange(exchange, 'topic');
    const { outbox, transactions, relay, close } = await opened();
    await transactions.run(() =>
      outbox.add([
        { type: 'a.v1', key: 'k', exchange, routingKey: 'orders.a', payload: 1 },
        { type: 'a.v1', key: 'k', exchange, routingKey: 'orders.a', payload: 2 },
      ]),
    );
    await relay.runOnce();
    const { of, codes } = await doctor(database.url, withBroker());
    expect(codes).toEqual(['NO_RELAY', 'UNROUTABLE', 'KEYS_BLOCKED']);
    expect(of('UNROUTABLE')).toMatchObject([
      {
        severity: 'error',
        message: expect.stringContaining(`"${exchange}" with routing key "orders.a"`) as string,
        detail: { routes: [{ exchange, routingKey: 'orders.a', messages: 1 }] },
      },
    ]);
    expect(of('KEYS_BLOCKED')).toMatchObject([
      {
        severity: 'warning',
        detail: { keys: 1, waiting: 2, reasons: [{ reason: 'UNROUTABLE', keys: 1 }] },
      },
    ]);
    await close();
  });

  it('finds the exchange that is missing, also of messages that nobody has tried', async () => {
    const exchange = broker.name('missing');
    const { outbox, transactions, relay, close } = await opened();
    await transactions.run(() => outbox.add({ type: 'a.v1', exchange, payload: 1 }));
    const expected = [
      {
        code: 'EXCHANGE_UNAVAILABLE',
        severity: 'error',
        message: expect.stringMatching(/1 messages are for exchange.*NOT_FOUND/) as string,
        detail: { exchange, messages: 1 },
      },
    ];
    const untried = await doctor(database.url, withBroker());
    expect(untried.of('EXCHANGE_UNAVAILABLE')).toEqual([expect.objectContaining(expected[0])]);
    await relay.runOnce();
    const tried = await doctor(database.url, withBroker());
    expect(tried.of('EXCHANGE_UNAVAILABLE')).toMatchObject(expected);
    expect(tried.of('KEYS_BLOCKED')).toMatchObject([
      { detail: { reasons: [{ reason: 'EXCHANGE_UNAVAILABLE' }] } },
    ]);
    const channel = await broker.channel();
    await channel.assertExchange(exchange, 'topic');
    expect((await doctor(database.url, withBroker())).of('EXCHANGE_UNAVAILABLE')).toEqual([]);
    await close();
  });

  it('groups what is parked, and finds keys that wait for it', async () => {
    const nowhere = broker.name('nowhere');
    const { outbox, transactions, relay, admin, close } = await opened({
      retry: { attempts: 1, onPark: 'block-key' },
    });
    await transactions.run(() =>
      outbox.add([
        { type: 'a.v1', key: 'a', payload: 1, routingKey: nowhere },
        { type: 'a.v1', key: 'b', payload: 2, routingKey: nowhere },
        { type: 'b.v1', key: 'c', payload: 3, exchange: broker.name('none') },
      ]),
    );
    await relay.runOnce();
    const { of } = await doctor(database.url);
    expect(of('PARKED')).toMatchObject([
      {
        severity: 'warning',
        detail: {
          parked: 3,
          groups: [
            { reason: 'UNROUTABLE', type: 'a.v1', messages: 2 },
            { reason: 'EXCHANGE_UNAVAILABLE', type: 'b.v1', messages: 1 },
          ],
        },
      },
    ]);
    expect(of('UNROUTABLE')).toMatchObject([
      { detail: { routes: [{ exchange: null, routingKey: nowhere, messages: 2 }] } },
    ]);
    expect(of('KEYS_AWAIT_PARKED')).toMatchObject([{ severity: 'error', detail: { keys: 3 } }]);
    expect(of('KEYS_BLOCKED')).toEqual([]);
    await admin.discard({});
    expect((await doctor(database.url)).codes).not.toContain('KEYS_AWAIT_PARKED');
    await close();
  });

  it('tells keys that wait for a parked message from those that are tried again', async () => {
    const nowhere = broker.name('nowhere');
    const message = (key: string, payload: number) => ({
      ...{ type: 'a.v1', key, payload },
      routingKey: nowhere,
    });
    const first = await opened({ retry: { attempts: 1, onPark: 'block-key' } });
    await first.transactions.run(() =>
      first.outbox.add([message('parked', 1), message('parked', 2)]),
    );
    await first.relay.runOnce();
    await first.close();
    const second = await opened();
    await second.transactions.run(() =>
      second.outbox.add([message('parked', 3), message('again', 4), message('again', 5)]),
    );
    await second.relay.runOnce();
    const { of } = await doctor(database.url);
    expect(of('KEYS_AWAIT_PARKED')).toMatchObject([{ detail: { keys: 1 } }]);
    expect(of('KEYS_BLOCKED')).toMatchObject([
      { detail: { keys: 1, waiting: 4, reasons: [{ reason: 'UNROUTABLE', keys: 1 }] } },
    ]);
    expect(of('PARKED')).toMatchObject([{ detail: { parked: 1 } }]);
    await second.close();
  });
});
