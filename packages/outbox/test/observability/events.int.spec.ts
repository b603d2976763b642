import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  declareQueue,
  spawnChild,
  tcpProxy,
  testBroker,
  waitFor,
  type TestBroker,
} from '@acme/internal-testing';
import { OutboxEvents, PostgresOutboxStore, type OutboxActivity } from '@acme/nest-outbox';
import pg from 'pg';
import { map } from 'rxjs';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openOutboxApp, type OutboxAppOptions } from '../support/outbox-app.js';
import { onPostgres, type PostgresOutboxDatabase } from '../support/outbox-database.js';

/** Some types share an interface. */
type EventOf<Type, Event = OutboxActivity> = Event extends OutboxActivity
  ? Type extends Event['type']
    ? Event
    : never
  : never;

describe('the events of an outbox', () => {
  let database: PostgresOutboxDatabase;
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await testBroker();
  });
  beforeEach(async () => {
    database = await onPostgres();
  });

  const open = async (options: OutboxAppOptions = {}) => {
    const app = await openOutboxApp(database, broker, { relay: { mode: 'off' }, ...options });
    const seen: OutboxActivity[] = [];
    const { events$ } = app.app.get(OutboxEvents);
    events$.subscribe((event) => seen.push(event));
    const told = <Type extends OutboxActivity['type']>(type: Type) =>
      seen.filter((event) => event.type === type) as EventOf<Type>[];
    return { ...app, events$, seen, told };
  };
  const secret = 'key-of-a-customer';

  it('tell what was added once it is committed, and what was published, by type', async () => {
    const queue = await declareQueue(broker, 'added');
    const { outbox, transactions, relay, seen, close } = await open();
    const message = (type: string) => ({
      type,
      routingKey: queue,
      key: secret,
      payload: secret,
      headers: { note: secret },
    });
    await transactions.run(async () => {
      await outbox.add([message('a'), message('a'), message('b')]);
      expect(seen).toEqual([]);
    });
    const rolledBack = transactions.run(async () => {
      await outbox.add(message('a'));
      throw new Error('no');
    });
    await expect(rolledBack).rejects.toThrow('no');
    const client = await database.pool.connect();
    await client.query('begin');
    await outbox.add(message('c'), { tx: client });
    await client.query('commit');
    client.release();
    const common = { at: expect.any(Date), outbox: 'default' };
    expect(seen).toEqual([
      { type: 'added', count: 3, types: { a: 2, b: 1 }, committed: true, ...common },
      { type: 'added', count: 1, types: { c: 1 }, committed: false, ...common },
    ]);
    await relay.runOnce();
    const published = seen.slice(2).filter((event) => event.type === 'published');
    expect(seen).toHaveLength(2 + published.length);
    expect(published.reduce((sum, { count }) => sum + count, 0)).toBe(4);
    for (const { latencyMs } of published) {
      // By two clocks, the one in whole milliseconds.
      expect(latencyMs!.mean).toBeGreaterThanOrEqual(0);
      expect(latencyMs!.max).toBeGreaterThanOrEqual(latencyMs!.mean);
      expect(latencyMs!.max).toBeLessThan(60_000);
    }
    expect(JSON.stringify(seen)).not.toContain(secret);
    await close();
  });

  it('measure how long a delayed message took from when it was due', async () => {
    const queue = await declareQueue(broker, 'due');
    const { outbox, transactions, told, close } = await open({ relay: { mode: 'embedded' } });
    await transactions.run(() => outbox.add({ type: queue, payload: 1, delay: '1500ms' }));
    const [event] = await waitFor(() => (told('published').length > 0 ? told('published') : null));
    const delay = event!.at.getTime() - told('added')[0]!.at.getTime();
    expect(delay).toBeGreaterThan(1_400);
    expect(event!.latencyMs!.max).toBeLessThan(delay - 1_000);
    await close();
  });

  it('tell which message waits, which is parked, and what people make of those', async () => {
    const { outbox, transactions, relay, admin, seen, close } = await open({
      retry: { attempts: 2, backoff: 1, maxBackoff: 1 },
      retention: 1,
    });
    const exchange = broker.name('missing');
    await transactions.run(() =>
      outbox.add({ type: 'a', exchange, key: secret, payload: secret, messageId: 'm1' }),
    );
    await waitFor(async () => (await relay.runOnce()).parked === 1);
    const common = { messageId: 'm1', messageType: 'a', exchange };
    expect(seen.slice(1)).toMatchObject([
      {
        type: 'held_back',
        ...common,
        attempts: 1,
        delayMs: expect.any(Number),
        errorCode: 'EXCHANGE_UNAVAILABLE',
      },
      { type: 'parked', ...common, attempts: 2, errorCode: 'EXCHANGE_UNAVAILABLE' },
    ]);
    const before = seen.length;
    await admin.redrive({ key: secret });
    await admin.redrive({ key: secret });
    await waitFor(async () => (await relay.runOnce()).parked === 1);
    await admin.discard({ key: secret });
    const queue = await declareQueue(broker, 'replayed');
    await transactions.run(() => outbox.add({ type: queue, payload: 1 }));
    await relay.runOnce();
    await admin.replay({ type: queue });
    await waitFor(async () => {
      await relay.runOnce();
      return seen.some(({ type }) => type === 'purged');
    });
    const moved = seen
      .slice(before)
      .filter((event) => 'count' in event && event.type !== 'added' && event.type !== 'published');
    expect(moved.slice(0, 3)).toMatchObject([
      { type: 'redriven', count: 1 },
      { type: 'discarded', count: 1 },
      { type: 'replayed', count: 1 },
    ]);
    expect(moved.slice(3).every(({ type }) => type === 'purged')).toBe(true);
    expect(JSON.stringify(seen)).not.toContain(secret);
    await close();
  });

  it('tell of outages once each, and how long they were', async () => {
    const queue = await declareQueue(broker, 'outages');
    const [toBroker, toDatabase] = [await tcpProxy(broker.url), await tcpProxy(database.url)];
    const pool = new pg.Pool({ connectionString: toDatabase.url, max: 4 });
    pool.on('error', () => {});
    const { outbox, transactions, relay, told, close } = await open({
      amqpUrl: toBroker.url,
      store: new PostgresOutboxStore({ database: pool }),
      relay: { pollInterval: 50 },
    });
    toBroker.down();
    await transactions.run(() => outbox.add({ type: queue, payload: 1 }));
    await waitFor(() => relay.brokerDownMs !== undefined);
    toBroker.restore();
    await waitFor(() => told('broker_up').length > 0);
    expect(relay.brokerDownMs).toBeUndefined();
    expect(told('broker_down')).toMatchObject([{ errorCode: expect.stringMatching(/^[A-Z_]+$/) }]);
    expect(told('broker_up')[0]!.downMs).toBeGreaterThan(0);
    await waitFor(() => told('published').length > 0);
    toDatabase.down();
    await waitFor(() => relay.databaseDownMs !== undefined);
    toDatabase.restore();
    await waitFor(() => told('database_up').length > 0);
    expect(told('database_down')).toHaveLength(1);
    expect(told('database_down')[0]!.errorCode).toMatch(/^\w+$/);
    expect(relay.databaseDownMs).toBeUndefined();
    await close();
    await pool.end();
    await Promise.all([toBroker.close(), toDatabase.close()]);
  });

  it('tell of lanes that went to others, on both sides', async () => {
    const first = await open({ relay: { lease: '1s', lanes: 4 } });
    await waitFor(async () => (await first.admin.status()).heldLanes === 4);
    // As if it had slept past its lease.
    await database.pool.query(`update outbox_lanes set owner = 'gone', token = token + 1`);
    await waitFor(() => first.told('lease_lost').length > 0);
    expect(first.told('lease_lost')).toMatchObject([{ lanes: 4 }]);
    await waitFor(() => first.told('lanes_taken_over').length > 0);
    const taken = first.told('lanes_taken_over').reduce((sum, { lanes }) => sum + lanes, 0);
    expect(taken).toBe(4);
    await first.close();
  });

  it('name the message that a process died of', async () => {
    const queue = await declareQueue(broker, 'suspected');
    const producer = await open();
    await producer.transactions.run(() =>
      producer.outbox.add([
        { type: 'poison', routingKey: queue, key: secret, payload: secret, messageId: 'm-poison' },
        { type: queue, payload: 1 },
      ]),
    );
    const child = new URL('../children/poisoned-relay.mjs', import.meta.url);
    const env = { TEST_DATABASE: database.url, TEST_BROKER: broker.url, DIES_AT: 'publishing' };
    for (const time of ['with everything under way', 'with the suspect alone'])
      await expect(spawnChild(child, { env }).exited, time).resolves.toMatchObject({
        signal: 'SIGKILL',
      });
    const { told, close } = await open({ relay: { lease: '1s' } });
    await waitFor(() => told('suspected').length > 0);
    expect(told('suspected')[0]).toMatchObject({
      messageId: 'm-poison',
      messageType: 'poison',
      deaths: 1,
    });
    await waitFor(() => told('published').length > 0);
    await close();
    await producer.close();
  });

  it('are published on channels as well, and a subscriber that throws hurts nobody', async () => {
    const queue = await declareQueue(broker, 'channels');
    const { outbox, transactions, events$, seen, log, close } = await open();
    const onChannel: unknown[] = [];
    const listen = (event: unknown): void => void onChannel.push(event);
    subscribe('acme:outbox:added', listen);
    const fail = (): never => {
      throw new Error('a faulty counter');
    };
    events$.subscribe(fail);
    events$.pipe(map(({ type }) => type)).subscribe({ next: fail });
    const ended: string[] = [];
    events$.subscribe({ complete: () => ended.push('complete') });
    await transactions.run(() => outbox.add({ type: queue, payload: 1 }));
    unsubscribe('acme:outbox:added', listen);
    expect(onChannel).toEqual(seen);
    expect(seen).toHaveLength(1);
    expect(log.messages('error')).toEqual(
      Array.from({ length: 2 }, () => 'A subscriber of OutboxEvents.events$ failed.'),
    );
    await close();
    expect(ended).toEqual(['complete']);
  });
});
