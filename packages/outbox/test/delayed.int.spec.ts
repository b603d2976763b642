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

const HOUR = 3_600_000;

describe.each(OUTBOX_DATABASES)('a message that is due later, on %s', (_, openDatabase) => {
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
  const texts = async (queue: string) =>
    (await takeAll(broker, queue)).map(({ content }) => JSON.parse(content.toString()) as unknown);
  /** As if so much time had passed. */
  const pass = (ms: number) =>
    database.query(
      `update outbox_delayed set available_at = available_at - ${database.interval(ms)}`,
    );

  it('leaves when its time has come, and not before, in the order of the times', async () => {
    const { queue, outbox, transactions, relay, admin, close } = await opened('delayed');
    await transactions.run(() =>
      outbox.add([
        { type: queue, payload: 'at once' },
        { type: queue, payload: 'third', delay: '2h' },
        { type: queue, payload: 'second', availableAt: Date.now() + HOUR },
        { type: queue, payload: 'fourth', availableAt: new Date(Date.now() + 3 * HOUR) },
      ]),
    );
    await expect(admin.status()).resolves.toMatchObject({ pending: 1, delayed: 3 });
    await expect(relay.runOnce()).resolves.toMatchObject({ published: 1 });
    await expect(relay.runOnce()).resolves.toMatchObject({ published: 0 });
    await pass(2.5 * HOUR);
    await expect(relay.runOnce()).resolves.toMatchObject({ published: 2 });
    await pass(HOUR);
    await expect(relay.runOnce()).resolves.toMatchObject({ published: 1 });
    await expect(texts(queue)).resolves.toEqual(['at once', 'second', 'third', 'fourth']);
    await close();
  });

  it('is one that is due already when its time is in the past', async () => {
    const { queue, outbox, transactions, relay, close } = await opened('past');
    await transactions.run(() =>
      outbox.add([
        { type: queue, payload: 1, availableAt: 0 },
        { type: queue, payload: 2, delay: 0 },
      ]),
    );
    await expect(relay.runOnce()).resolves.toMatchObject({ published: 2 });
    await close();
  });

  it('does not hold up its key', async () => {
    const { queue, outbox, transactions, relay, close } = await opened('key');
    await transactions.run(async () => {
      await outbox.add({ type: queue, key: 'k', payload: 'reminder', delay: '1h' });
      await outbox.add({ type: queue, key: 'k', payload: 'placed' });
    });
    await expect(relay.runOnce()).resolves.toMatchObject({ published: 1 });
    await pass(HOUR);
    await expect(relay.runOnce()).resolves.toMatchObject({ published: 1 });
    await expect(texts(queue)).resolves.toEqual(['placed', 'reminder']);
    await close();
  });

  it('goes with the transaction', async () => {
    const { queue, outbox, transactions, admin, close } = await opened('rollback');
    const failed = transactions.run(async () => {
      await outbox.add({ type: queue, payload: 1, delay: 1 });
      throw new Error('rolled back');
    });
    await expect(failed).rejects.toThrow('rolled back');
    await expect(admin.status()).resolves.toMatchObject({ pending: 0, delayed: 0 });
    await close();
  });

  it('leaves in time although the relay polls rarely', async () => {
    const { queue, outbox, transactions, close } = await opened('in-time', {
      relay: { pollInterval: '1h' },
    });
    await transactions.run(() => outbox.add({ type: queue, payload: 1, delay: 300 }));
    await waitFor(async () => (await broker.queue(queue))?.messages === 1, { deadlineMs: 5_000 });
    await close();
  });

  it('of another process leaves with the next renewal at the latest, however rarely the relay polls', async () => {
    const { queue, outbox, transactions, close } = await opened('of-others');
    const relaying = await opened('relaying', {
      relay: { pollInterval: '1h', lease: '900ms' },
    });
    await waitFor(async () => (await relaying.admin.status()).heldLanes > 0);
    await transactions.run(() => outbox.add({ type: queue, payload: 1, delay: 300 }));
    await waitFor(async () => (await broker.queue(queue))?.messages === 1, { deadlineMs: 8_000 });
    await relaying.close();
    await close();
  });

  it.each([
    ['both', { delay: 1, availableAt: 1 }, /give one of them/],
    ['a delay that is none', { delay: 'soon' as '1s' }, /'15m'/],
    ['a negative delay', { delay: -1 }, /'15m'/],
    ['a time that is none', { availableAt: new Date('x') }, /Unix milliseconds/],
  ])('is refused with %s', async (_what, due, message) => {
    const { queue, outbox, transactions, close } = await opened('refused');
    const added = transactions.run(() => outbox.add({ type: queue, payload: 1, ...due }));
    await expect(added).rejects.toMatchObject({ code: 'OUTBOX_MESSAGE_INVALID' });
    await expect(added).rejects.toThrow(message);
    await close();
  });
});
