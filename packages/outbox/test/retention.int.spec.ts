import {
  declareQueue,
  takeAll,
  testBroker,
  waitFor,
  type TestBroker,
} from '@acme/internal-testing';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openOutboxApp } from './support/outbox-app.js';
import { OUTBOX_DATABASES, type OutboxDatabase } from './support/outbox-database.js';

describe.each(OUTBOX_DATABASES)('published messages, on %s', (_, openDatabase) => {
  let database: OutboxDatabase;
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await testBroker();
  });
  beforeEach(async () => {
    database = await openDatabase();
  });
  const opened = async (name: string, options = {}) => {
    const queue = await declareQueue(broker, name);
    const app = await openOutboxApp(database, broker, {
      relay: { mode: 'off' },
      retention: '7d',
      ...options,
    });
    return { queue, ...app };
  };

  it('are deleted, unless it is said how long to keep them', async () => {
    const { queue, outbox, transactions, relay, admin, close } = await opened('deleted', {
      retention: undefined,
    });
    await transactions.run(() => outbox.add({ type: queue, payload: 1 }));
    await relay.runOnce();
    await expect(admin.status()).resolves.toMatchObject({ pending: 0, published: 0 });
    await expect(admin.replay({})).resolves.toBe(0);
    await close();
  });

  it('are published again, marked, in order, and only those that are asked for', async () => {
    const { queue, outbox, transactions, relay, admin, close } = await opened('replayed');
    await transactions.run(() =>
      outbox.add([
        ...[1, 2, 3].map((n) => ({
          type: queue,
          key: 'k',
          payload: { n },
          messageId: `k${n}`,
          headers: { 'x-tenant-id': 't', bytes: Uint8Array.from([1, 2]) },
        })),
        { type: queue, key: 'other', payload: { n: 4 }, messageId: 'o4' },
      ]),
    );
    await relay.runOnce();
    const first = await takeAll(broker, queue);
    await expect(admin.status()).resolves.toMatchObject({ published: 4 });

    await expect(admin.replay({ key: 'k', from: Date.now() + 3_600_000 })).resolves.toBe(0);
    await expect(admin.replay({ key: 'k', to: Date.now() - 3_600_000 })).resolves.toBe(0);
    await expect(admin.replay({ type: 'other' })).resolves.toBe(0);
    const seen: number[] = [];
    await expect(
      admin.replay(
        { key: 'k', type: queue, from: Date.now() - 3_600_000, to: Date.now() + 3_600_000 },
        { onProgress: (added) => seen.push(added) },
      ),
    ).resolves.toBe(3);
    expect(seen).toEqual([3]);
    await relay.runOnce();
    const again = await takeAll(broker, queue);
    const kept = first.filter(({ properties }) => properties.messageId !== 'o4');
    const replayId = again[0]?.properties.headers?.['x-redrive-id'] as string;
    expect(replayId).toMatch(/^[0-9a-f-]{36}$/);
    expect(again.map(({ content, properties }) => ({ content, properties }))).toEqual(
      kept.map(({ content, properties }) => ({
        content,
        properties: {
          ...properties,
          headers: { ...properties.headers, 'x-redrive-id': replayId, 'x-redrive-count': 1 },
        },
      })),
    );
    await close();
  });

  it('count how often they were published again', async () => {
    const { queue, outbox, transactions, relay, admin, close } = await opened('counted');
    await transactions.run(() => outbox.add({ type: queue, payload: 1, messageId: 'm' }));
    await relay.runOnce();
    await admin.replay({});
    await relay.runOnce();
    await expect(admin.replay({})).resolves.toBe(2);
    await relay.runOnce();
    const counts = (await takeAll(broker, queue)).map(
      ({ properties }) => properties.headers?.['x-redrive-count'] as unknown,
    );
    expect(counts).toEqual([undefined, 1, 1, 2]);
    await close();
  });

  it('get new ids when consumers are to handle them again', async () => {
    const { queue, outbox, transactions, relay, admin, close } = await opened('new-ids');
    await transactions.run(() =>
      outbox.add({
        type: queue,
        payload: 1,
        messageId: 'm',
        headers: { 'idempotency-key': 'event-1' },
      }),
    );
    await relay.runOnce();
    await admin.replay({}, { newIds: true });
    await relay.runOnce();
    const [first, again] = await takeAll(broker, queue);
    expect(first?.properties.headers?.['idempotency-key']).toBe('event-1');
    expect(again?.properties.messageId).not.toBe('m');
    expect(again?.properties.headers?.['idempotency-key']).toBe(again?.properties.messageId);
    await close();
  });

  it('that are replayed while a relay publishes them are not replayed again', async () => {
    const { queue, outbox, transactions, admin, close } = await opened('endless', {
      relay: { pollInterval: 20 },
    });
    await transactions.run(() =>
      outbox.add(Array.from({ length: 1_200 }, (_, i) => ({ type: queue, payload: i }))),
    );
    await waitFor(async () => (await admin.status()).published === 1_200);
    await expect(admin.replay({})).resolves.toBe(1_200);
    await waitFor(async () => (await admin.status()).published === 2_400);
    await close();
    await expect(takeAll(broker, queue)).resolves.toHaveLength(2_400);
  });

  it('are deleted when they are old enough, by whoever holds lane 0', async () => {
    const { queue, outbox, transactions, relay, admin, close } = await opened('purged');
    await transactions.run(() =>
      outbox.add([1, 2, 3].map((n) => ({ type: queue, payload: n, messageId: `${n}` }))),
    );
    await relay.runOnce();
    await database.query(
      `update outbox_published set published_at = published_at - ${database.interval(8 * 86_400_000)} where message_id < '3'`,
    );
    await relay.runOnce();
    await waitFor(async () => (await admin.status()).published === 1);
    const left = await database.query('select message_id from outbox_published');
    expect(left).toEqual([{ message_id: '3' }]);
    await close();
  });
});
