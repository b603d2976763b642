import { freePort, startPrivate, testBroker } from '@acme/internal-testing';
import type { TestBroker } from '@acme/internal-testing';
import { connect } from 'amqplib';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { doctor, doctorText } from '../support/findings.js';
import { openOutboxApp, type OutboxAppOptions } from '../support/outbox-app.js';
import { onPostgres, type PostgresOutboxDatabase } from '../support/outbox-database.js';

describe('the doctor, of failures', () => {
  let database: PostgresOutboxDatabase;
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await testBroker();
  });
  beforeEach(async () => {
    database = await onPostgres();
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

  describe('and of the broker', () => {
    it('finds that it cannot be reached, and tells no password', async () => {
      const { close } = await opened();
      const url = `amqp://ann:s3cr3t@127.0.0.1:${await freePort()}`;
      const { of } = await doctor(database.url, ['--amqp', url]);
      expect(of('BROKER_UNREACHABLE')).toMatchObject([
        { severity: 'error', message: expect.stringContaining('ECONNREFUSED') as string },
      ]);
      const wrong = new URL(broker.url);
      wrong.password = 's3cr3t';
      const { stdout, stderr } = await doctorText(database.url, ['--amqp', wrong.href]);
      expect(stdout).toMatch(/BROKER_UNREACHABLE: .*ACCESS.REFUSED/);
      expect(stdout + stderr).not.toContain('s3cr3t');
      await close();
    });

    it.each(['http://h', 'not a url'])('refuses --amqp %s', async (url) => {
      const { exit, error } = await doctor(database.url, ['--amqp', url]);
      expect(exit).toBe(2);
      expect(error).toMatchObject({ error: { code: 'USAGE' } });
    });

    it('finds its alarm; and takes no offence at a user who may not write to its own exchange', async () => {
      const server = await startPrivate('rabbitmq');
      const { admin, outbox, transactions, close } = await opened();
      await transactions.run(() => outbox.add({ type: 'a.v1', exchange: 'orders', payload: 1 }));
      const connection = await connect(server.url);
      const channel = await connection.createChannel();
      await channel.assertExchange('orders', 'topic');
      await server.control('add_user', 'ann', 's3cr3t');
      await server.control('set_permissions', '-p', '/', 'ann', '^$', '^orders$', '^$');
      const own = new URL(server.url);
      [own.username, own.password] = ['ann', 's3cr3t'];
      const allowed = await doctor(database.url, ['--amqp', own.href]);
      expect(allowed.codes).toEqual(['NO_RELAY']);

      await server.control('set_vm_memory_high_watermark', '0.000001');
      const { of } = await doctor(database.url, ['--max-age', '1ms', '--amqp', server.url]);
      expect(of('BROKER_BLOCKED')).toMatchObject([
        { severity: 'error', message: expect.stringContaining('memory') as string },
      ]);
      await server.control('set_vm_memory_high_watermark', '0.4');
      const codes = async () =>
        (await admin.doctor({ connect: () => connect(server.url) })).map(({ code }) => code);
      await expect(codes()).resolves.toEqual(['NO_RELAY']);
      await connection.close();
      await close();
    });
  });
});
