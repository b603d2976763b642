import {
  declareQueue,
  takeAll,
  testBroker,
  waitFor,
  type TestBroker,
} from '@acme/internal-testing';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openOutboxApp, outboxRows } from './support/outbox-app.js';
import { OUTBOX_DATABASES, type OutboxDatabase } from './support/outbox-database.js';

describe.each(OUTBOX_DATABASES)('parked messages, on %s', (_, openDatabase) => {
  let database: OutboxDatabase;
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await testBroker();
  });
  beforeEach(async () => {
    database = await openDatabase();
  });
  const retry = { attempts: 1, backoff: 10, maxBackoff: 10 } as const;
  /** The first of key "bad" goes nowhere; what follows it and the other key could be published. */
  const parkOne = async (name: string, onPark: 'continue' | 'block-key') => {
    const good = await declareQueue(broker, name);
    const later = broker.name(`${name}-later`);
    const app = await openOutboxApp(database, broker, {
      relay: { mode: 'off' },
      retry: { ...retry, onPark },
    });
    const { outbox, transactions, relay } = app;
    await transactions.run(() =>
      outbox.add([
        { type: 'bad.v1', key: 'bad', payload: 1, routingKey: later, messageId: 'b1' },
        { type: 'ok.v1', key: 'bad', payload: 2, routingKey: good },
        { type: 'ok.v1', key: 'good', payload: 3, routingKey: good },
      ]),
    );
    await relay.runOnce();
    return { ...app, good, later };
  };
  const run = async (relay: { runOnce(): Promise<{ published: number }> }) => {
    let published = 0;
    await waitFor(async () => {
      const { published: some } = await relay.runOnce();
      published += some;
      return some === 0;
    });
    return published;
  };
  const texts = async (queue: string) =>
    (await takeAll(broker, queue)).map(({ content }) => content.toString());

  it('are listed with reason and history, by what one looks for', async () => {
    const { admin, later, close } = await parkOne('listed', 'continue');
    const [parked] = await admin.parked();
    expect(parked).toMatchObject({
      messageId: 'b1',
      type: 'bad.v1',
      key: 'bad',
      routingKey: later,
      attempts: 1,
      reason: 'UNROUTABLE',
      payload: '1',
      history: [{ code: 'UNROUTABLE', at: expect.stringMatching(/^\d{4}-/) }],
    });
    expect(Math.abs(Date.now() - (parked?.parkedAt ?? 0))).toBeLessThan(60_000);
    for (const filter of [
      { messageIds: ['b1', 'x'] },
      { type: 'bad.v1' },
      { key: 'bad' },
      { reason: 'UNROUTABLE', key: 'bad' },
    ]) {
      await expect(admin.parked(filter)).resolves.toHaveLength(1);
    }
    for (const filter of [
      { messageIds: [] },
      { type: 'ok.v1' },
      { key: 'good' },
      { reason: 'CRASHED' },
    ]) {
      await expect(admin.parked(filter)).resolves.toEqual([]);
    }
    await close();
  });

  it('let their key go on, unless it is said otherwise', async () => {
    const { relay, good, close } = await parkOne('continue', 'continue');
    await run(relay);
    await expect(texts(good)).resolves.toEqual(expect.arrayContaining(['2', '3']));
    await expect(outboxRows(database)).resolves.toEqual({ pending: 0, waiting: 0, parked: 1 });
    await close();
  });

  it('hold up their key with block-key, also what comes later, until they are redriven', async () => {
    const { relay, outbox, transactions, admin, good, later, close } = await parkOne(
      'block',
      'block-key',
    );
    await run(relay);
    await transactions.run(() =>
      outbox.add({ type: 'ok.v1', key: 'bad', payload: 4, routingKey: good }),
    );
    await run(relay);
    await expect(texts(good)).resolves.toEqual(['3']);
    await expect(outboxRows(database)).resolves.toEqual({ pending: 0, waiting: 2, parked: 1 });

    const channel = await broker.channel();
    await channel.assertQueue(later, { durable: true });
    await channel.close();
    await expect(admin.redrive({ key: 'bad' })).resolves.toBe(1);
    expect(await run(relay)).toBe(3);
    const [redriven] = await takeAll(broker, later);
    expect(redriven?.properties.messageId).toBe('b1');
    await expect(texts(good)).resolves.toEqual(['2', '4']);
    await expect(outboxRows(database)).resolves.toEqual({ pending: 0, waiting: 0, parked: 0 });
    await close();
  });

  it('that are redriven go out before what waits behind them', async () => {
    const { relay, admin, good, close } = await parkOne('place', 'block-key');
    await run(relay);
    await database.query(`update outbox_parked set routing_key = '${good}'`);
    await expect(admin.redrive({ messageIds: ['b1'] })).resolves.toBe(1);
    await run(relay);
    await expect(texts(good)).resolves.toEqual(['3', '1', '2']);
    await close();
  });

  it('are parked again when they fail again, with the whole history', async () => {
    const { relay, admin, close } = await parkOne('again', 'continue');
    await run(relay);
    await expect(admin.redrive()).resolves.toBe(1);
    await relay.runOnce();
    const [parked] = await admin.parked();
    expect(parked).toMatchObject({ attempts: 1, reason: 'UNROUTABLE' });
    expect(parked?.history).toHaveLength(2);
    await close();
  });

  it('let the rest of their key go when they are discarded', async () => {
    const { relay, admin, good, close } = await parkOne('discard', 'block-key');
    await run(relay);
    await expect(admin.discard({ type: 'bad.v1' })).resolves.toBe(1);
    expect(await run(relay)).toBe(1);
    await expect(texts(good)).resolves.toEqual(['3', '2']);
    await expect(outboxRows(database)).resolves.toEqual({ pending: 0, waiting: 0, parked: 0 });
    await close();
  });

  it('leave at once when they are redriven beside a relay that runs', async () => {
    const { good, close } = await parkOne('running', 'block-key');
    await close();
    const running = await openOutboxApp(database, broker, {
      relay: { pollInterval: '1h', lease: '1m' },
      retry: { ...retry, onPark: 'block-key' },
    });
    await database.query(`update outbox_parked set routing_key = '${good}'`);
    await running.admin.redrive();
    await waitFor(async () => (await outboxRows(database))?.waiting === 0);
    await running.close();
    await expect(texts(good)).resolves.toEqual(['3', '1', '2']);
  });
});
