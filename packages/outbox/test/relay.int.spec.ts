import {
  declareQueue,
  takeAll,
  tcpProxy,
  testBroker,
  waitFor,
  type TestBroker,
} from '@acme/internal-testing';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openOutboxApp, outboxRows } from './support/outbox-app.js';
import { OUTBOX_DATABASES, parsed, type OutboxDatabase } from './support/outbox-database.js';
import { firstOccurrences, orderViolations } from './support/arrivals.js';

const keyed = (type: string, count: number, keys: number, from = 0) =>
  Array.from({ length: count }, (_, i) => {
    const key = `${type}-${(from + i) % keys}`;
    return { type, key, payload: { key, n: from + i } };
  });

const empty = { pending: 0, waiting: 0, parked: 0 };

const emptied = (database: OutboxDatabase) =>
  waitFor(
    async () => {
      const rows = await outboxRows(database);
      return rows?.pending === 0 && rows.waiting === 0;
    },
    { deadlineMs: 20_000, what: 'an empty outbox' },
  );

describe.each(OUTBOX_DATABASES)('the relay, on %s', (_, open) => {
  let database: OutboxDatabase;
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await testBroker();
  });
  beforeEach(async () => {
    database = await open();
  });

  it('publishes a backlog with the order of every key, and nothing twice', async () => {
    const queue = await declareQueue(broker, 'backlog');
    const { outbox, transactions, relay, close } = await openOutboxApp(database, broker, {
      relay: { mode: 'off', window: 200, batchSize: 100 },
    });
    await transactions.run(() => outbox.add(keyed(queue, 3_000, 37)));
    await expect(relay.runOnce()).resolves.toEqual({
      published: 3_000,
      heldBack: 0,
      parked: 0,
      brokerDown: false,
    });
    const arrived = await takeAll(broker, queue);
    expect(arrived).toHaveLength(3_000);
    expect(orderViolations(arrived)).toEqual([]);
    await expect(outboxRows(database)).resolves.toEqual(empty);
    await close();
  });

  it('publishes rows that somebody else has written, whatever their headers hold', async () => {
    const queue = await declareQueue(broker, 'foreign');
    const { relay, close } = await openOutboxApp(database, broker, { relay: { mode: 'off' } });
    for (const headers of [
      'null',
      '[1]',
      '{"x-foo": null, "kept": 1}',
      '{"table": {"a": [null]}}',
    ]) {
      await database.query(
        `insert into outbox_messages (lane, message_id, type, occurred_at, payload, headers)
         values (0, '${headers}', '${queue}', current_timestamp, '{}', '${headers}')`,
      );
    }
    await expect(relay.runOnce()).resolves.toMatchObject({ published: 4, heldBack: 0 });
    const arrived = await takeAll(broker, queue);
    const key = (id: string) => ({ 'idempotency-key': id });
    expect(arrived.map(({ properties }) => properties.headers)).toEqual([
      key('null'),
      key('[1]'),
      { kept: 1, ...key('{"x-foo": null, "kept": 1}') },
      key('{"table": {"a": [null]}}'),
    ]);
    await close();
  });

  it('does not pass over a message that was committed late', async () => {
    const queue = await declareQueue(broker, 'late');
    const { outbox, transactions, relay, close } = await openOutboxApp(database, broker, {
      relay: { mode: 'off' },
    });
    const late = await database.connect();
    await late.query('begin');
    await outbox.add({ type: queue, payload: 'late' }, { tx: late.handle });
    await transactions.run(() => outbox.add({ type: queue, payload: 'early' }));
    await expect(relay.runOnce()).resolves.toMatchObject({ published: 1 });
    await late.query('commit');
    late.release();
    await expect(relay.runOnce()).resolves.toMatchObject({ published: 1 });
    const arrived = await takeAll(broker, queue);
    expect(arrived.map(({ content }) => content.toString())).toEqual(['"early"', '"late"']);
    await close();
  });

  it('keeps a failing message and its key back, lets the others pass, and keeps the order when it works again', async () => {
    const healthy = await declareQueue(broker, 'healthy');
    const missing = broker.name('comes-later');
    const { outbox, transactions, close } = await openOutboxApp(database, broker, {
      retry: { backoff: 300, maxBackoff: 300 },
    });
    await transactions.run(() =>
      outbox.add([
        { type: 'x', key: 'bad', payload: { key: 'bad', n: 1 }, routingKey: missing },
        ...keyed(healthy, 50, 5),
        { type: 'x', key: 'bad', payload: { key: 'bad', n: 2 }, routingKey: missing },
      ]),
    );
    await waitFor(async () => (await broker.queue(healthy))?.messages === 50);
    await waitFor(async () => (await outboxRows(database))?.waiting === 2);
    // One that comes while its key waits must not pass either, although it could be published at once.
    await transactions.run(() =>
      outbox.add({ type: 'x', key: 'bad', payload: { key: 'bad', n: 3 }, routingKey: healthy }),
    );
    await waitFor(async () => (await outboxRows(database))?.waiting === 3);
    await expect(takeAll(broker, healthy)).resolves.toHaveLength(50);
    const [first] = await database.query(
      'select attempts, history from outbox_waiting order by seq limit 1',
    );
    expect(first!['attempts']).toBeGreaterThanOrEqual(1);
    expect(parsed(first!['history'])).toContainEqual(
      expect.objectContaining({ code: 'UNROUTABLE', message: expect.stringContaining(missing) }),
    );

    await declareQueue(broker, 'comes-later');
    await emptied(database);
    expect(
      (await takeAll(broker, missing)).map(({ content }) => JSON.parse(content.toString()).n),
    ).toEqual([1, 2]);
    expect(await takeAll(broker, healthy)).toHaveLength(1);
    // Its key is free again.
    await transactions.run(() => outbox.add({ type: healthy, key: 'bad', payload: 4 }));
    await waitFor(async () => (await broker.queue(healthy))?.messages === 1);
    await expect(database.query('select block from outbox_blocks')).resolves.toEqual([]);
    await close();
  });

  it('parks what cannot be published with its reason and history, and lets its key go on', async () => {
    const queue = await declareQueue(broker, 'after-parked');
    const { outbox, transactions, log, close } = await openOutboxApp(database, broker, {
      retry: { attempts: 3, backoff: 20, maxBackoff: 20 },
    });
    await transactions.run(() =>
      outbox.add([
        {
          type: 'poison',
          key: 'k',
          payload: 1,
          exchange: broker.name('no-such-exchange'),
          messageId: 'poison-1',
        },
        { type: queue, key: 'k', payload: 2 },
        { type: broker.name('nowhere'), payload: 3, messageId: 'keyless' },
      ]),
    );
    await waitFor(async () => (await outboxRows(database))?.parked === 2);
    await waitFor(async () => (await broker.queue(queue))?.messages === 1);
    await emptied(database);
    const rows = await database.query(
      'select message_id, attempts, reason, error, history, payload from outbox_parked order by seq',
    );
    expect(rows).toMatchObject([
      { message_id: 'poison-1', attempts: 3, reason: 'EXCHANGE_UNAVAILABLE', payload: '1' },
      { message_id: 'keyless', attempts: 3, reason: 'UNROUTABLE', payload: '3' },
    ]);
    expect(parsed(rows[0]!['history'])).toHaveLength(3);
    expect(log.messages('error').join()).toMatch(/poison poison-1 was parked after 3 attempts/);
    await close();
  });

  it('costs no message an attempt while the broker is away, and loses and reorders none', async () => {
    const queue = await declareQueue(broker, 'outage');
    const proxy = await tcpProxy(broker.url);
    const { outbox, transactions, log, close } = await openOutboxApp(database, broker, {
      amqpUrl: proxy.url,
      retry: { attempts: 1 },
    });
    await transactions.run(() => outbox.add(keyed(queue, 500, 20)));
    await waitFor(async () => ((await broker.queue(queue))?.messages ?? 0) > 50, { intervalMs: 1 });
    proxy.down();
    await transactions.run(() => outbox.add(keyed(queue, 500, 20, 500)));
    await waitFor(() =>
      log.messages('warn').some((text) => text.includes('The broker does not answer')),
    );
    // Several probes fail meanwhile.
    const before = proxy.accepted;
    await waitFor(() => proxy.accepted >= before + 3);
    await expect(outboxRows(database)).resolves.toMatchObject({ parked: 0 });
    const tried = await database.query('select seq from outbox_waiting where attempts > 0');
    expect(tried).toEqual([]);
    proxy.restore();
    await emptied(database);
    const arrived = await takeAll(broker, queue);
    expect(firstOccurrences(arrived)).toHaveLength(1_000);
    expect(orderViolations(arrived)).toEqual([]);
    expect(log.messages('log')).toContain('The broker answers again.');
    await close();
    await proxy.close();
  });

  it('lets a full queue hold up only its own messages, at no cost in attempts', async () => {
    const healthy = await declareQueue(broker, 'beside-full');
    const full = await declareQueue(broker, 'full', {
      arguments: { 'x-overflow': 'reject-publish', 'x-max-length': 1 },
    });
    const { outbox, transactions, close } = await openOutboxApp(database, broker, {
      retry: { attempts: 1, backoff: 100, maxBackoff: 100 },
    });
    await transactions.run(() => outbox.add([...keyed(full, 6, 2), ...keyed(healthy, 100, 10)]));
    await waitFor(async () => (await broker.queue(healthy))?.messages === 100);
    const arrived = [];
    while (arrived.length < 6) {
      arrived.push(
        ...(await waitFor(async () => {
          const some = await takeAll(broker, full);
          return some.length > 0 ? some : undefined;
        })),
      );
    }
    expect(orderViolations(arrived)).toEqual([]);
    await emptied(database);
    await expect(outboxRows(database)).resolves.toEqual(empty);
    await close();
  });

  it('waits while the database is away, and goes on without publishing again what was confirmed', async () => {
    const queue = await declareQueue(broker, 'database-away');
    const proxy = await tcpProxy(database.url);
    const pool = database.poolAt(proxy.url);
    const { outbox, transactions, log, close } = await openOutboxApp(database, broker, {
      store: database.store(pool),
    });
    await transactions.run(() => outbox.add(keyed(queue, 20, 5)));
    await waitFor(async () => (await broker.queue(queue))?.messages === 20, { intervalMs: 1 });
    proxy.down();
    await transactions.run(() => outbox.add(keyed(queue, 20, 5, 20)));
    await waitFor(() =>
      log.messages('error').some((text) => text.includes('The database does not answer')),
    );
    proxy.restore();
    await emptied(database);
    const arrived = await takeAll(broker, queue);
    expect(arrived).toHaveLength(40);
    expect(orderViolations(arrived)).toEqual([]);
    await close();
    await pool.end();
    await proxy.close();
  });

  it('leaves nothing leased and nothing half done when the application closes under load', async () => {
    const queue = await declareQueue(broker, 'closing');
    const first = await openOutboxApp(database, broker, { relay: { window: 50, batchSize: 50 } });
    await first.transactions.run(() => first.outbox.add(keyed(queue, 2_000, 50)));
    await waitFor(async () => ((await broker.queue(queue))?.messages ?? 0) > 100, {
      intervalMs: 1,
    });
    await first.close();
    const rows = await database.query(
      `select (select cast(count(*) as int) from outbox_lanes where owner is not null) as leased,
              (select cast(count(*) as int) from outbox_relays) as relays,
              (select cast(count(*) as int) from outbox_messages) as pending`,
    );
    const published = (await broker.queue(queue))?.messages ?? 0;
    expect(rows[0]).toEqual({ leased: 0, relays: 0, pending: 2_000 - published });
  });
});
