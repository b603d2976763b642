import { declareQueue, takeAll, testBroker, type TestBroker } from '@acme/internal-testing';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openOutboxApp } from './support/outbox-app.js';
import { OUTBOX_DATABASES, type OutboxDatabase } from './support/outbox-database.js';

describe.each(OUTBOX_DATABASES)('messages of one key, on %s', (_, openDatabase) => {
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
    const app = await openOutboxApp(database, broker, { relay: { mode: 'off' }, ...options });
    return { queue, ...app };
  };

  /** Two transactions add to one key; the first to add is the last to commit. Resolves with what arrives, in its order. */
  const race = async (name: string, options: object) => {
    const { queue, outbox, transactions, relay, close } = await opened(name, options);
    let added = (): void => {};
    const firstHasAdded = new Promise<void>((done) => (added = done));
    let commit = (): void => {};
    const mayCommit = new Promise<void>((done) => (commit = done));
    const first = transactions.run(async () => {
      await outbox.add({ type: queue, key: 'k', payload: 'first' });
      added();
      await mayCommit;
    });
    await firstHasAdded;
    const second = transactions.run(() => outbox.add({ type: queue, key: 'k', payload: 'second' }));
    const other = transactions.run(() => outbox.add({ type: queue, key: 'o', payload: 'other' }));
    await other;
    // Long enough for a statement that waits for nobody.
    const looks = relay.runOnce().then(() => relay.runOnce());
    const waits = await Promise.race([second.then(() => false), looks.then(() => true)]);
    await looks;
    commit();
    await Promise.all([first, second]);
    await relay.runOnce();
    const arrived = (await takeAll(broker, queue)).map(
      ({ content }) => JSON.parse(content.toString()) as string,
    );
    await close();
    return { waits, arrived };
  };

  it.each([{ strictOrder: true }, { sequence: true }])(
    'leave in the order of the commits with %o, and other keys wait for nobody',
    async (options) => {
      const { waits, arrived } = await race(`strict-${Object.keys(options)[0]}`, options);
      expect(waits).toBe(true);
      expect(arrived).toEqual(['other', 'first', 'second']);
    },
  );

  it('do not hold up other keys, however many there are of them', async () => {
    const { queue, outbox, transactions, relay, close } = await opened('hot', {
      relay: { mode: 'off', batchSize: 20 },
    });
    const add = (key: string, count: number) =>
      transactions.run(() =>
        outbox.add(
          Array.from({ length: count }, (_, n) => ({ type: queue, key, payload: [key, n] })),
        ),
      );
    await add('hot', 400);
    for (const key of ['a', 'b', 'c']) await add(key, 2);
    await add('hot', 10);
    await relay.runOnce();
    const arrived = (await takeAll(broker, queue)).map(
      ({ content }) => JSON.parse(content.toString()) as [string, number],
    );
    const placesOf = (key: string) => arrived.flatMap(([one], at) => (one === key ? [at] : []));
    for (const key of ['a', 'b', 'c']) expect(Math.max(...placesOf(key))).toBeLessThan(100);
    const numbers = arrived.flatMap(([key, n]) => (key === 'hot' ? [n] : []));
    expect(numbers).toEqual([...Array(400).keys(), ...Array(10).keys()]);
    await close();
  });

  it('wait for no other transaction unless it is asked for', async () => {
    const { waits, arrived } = await race('loose', {});
    expect(waits).toBe(false);
    expect(arrived).toHaveLength(3);
  });

  it('are numbered with sequence, from 1, without gaps, also in bulk and when they are delayed', async () => {
    const { queue, outbox, transactions, relay, close } = await opened('numbered', {
      sequence: true,
    });
    const add = (...keys: (string | undefined)[]) =>
      transactions.run(() => outbox.add(keys.map((key) => ({ type: queue, key, payload: 0 }))));
    await add('a');
    await add('a', 'b', 'a', undefined, 'b');
    const lost = transactions.run(async () => {
      await outbox.add({ type: queue, key: 'a', payload: 0 });
      throw new Error('rolled back');
    });
    await expect(lost).rejects.toThrow('rolled back');
    await transactions.run(() =>
      outbox.add([
        { type: queue, key: 'a', payload: 0, delay: 1 },
        { type: queue, key: 'b', payload: 0 },
      ]),
    );
    await database.query(
      `update outbox_delayed set available_at = available_at - ${database.interval(1_000)}`,
    );
    await relay.runOnce();
    const numbers: Record<string, unknown[]> = {};
    const rows = await takeAll(broker, queue);
    expect(rows).toHaveLength(8);
    for (const { properties } of rows) {
      const headers = properties.headers as Record<string, unknown>;
      (numbers[String(headers['x-sequence'] === undefined)] ??= []).push(headers['x-sequence']);
    }
    expect(numbers['true']).toHaveLength(1);
    expect([...(numbers['false'] ?? [])].sort()).toEqual([1, 1, 2, 2, 3, 3, 4]);
    await close();
  });

  it('do not lock each other when two transactions add several keys in different orders', async () => {
    const { queue, outbox, transactions, relay, close } = await opened('deadlock', {
      sequence: true,
    });
    const keys = ['a', 'b', 'c', 'd'];
    const add = (order: readonly string[]) =>
      transactions.run(() => outbox.add(order.map((key) => ({ type: queue, key, payload: key }))));
    await Promise.all(
      Array.from({ length: 40 }, (_, i) => add(i % 2 === 0 ? keys : keys.toReversed())),
    );
    await expect(relay.runOnce()).resolves.toMatchObject({ published: 160 });
    await close();
  });
});
