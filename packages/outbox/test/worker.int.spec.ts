import {
  declareQueue,
  spawnChild,
  testBroker,
  waitFor,
  type TestBroker,
} from '@acme/internal-testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { openOutboxApp, outboxRows } from './support/outbox-app.js';
import { OUTBOX_DATABASES, type OutboxDatabase } from './support/outbox-database.js';

const TIMEOUT = 60_000;

describe.each(OUTBOX_DATABASES)('a process that only publishes, on %s', (_, openDatabase) => {
  let database: OutboxDatabase;
  let broker: TestBroker;
  beforeEach(async () => {
    [database, broker] = await Promise.all([openDatabase(), testBroker()]);
  });

  const start = async (env: Record<string, string>) => {
    const worker = spawnChild(new URL('./children/worker.mjs', import.meta.url), {
      env: { TEST_DATABASE: database.url, TEST_BROKER: broker.url, ...env },
    });
    await worker.receive((message) => message === 'started', { deadlineMs: 20_000 });
    return worker;
  };
  const producer = () => openOutboxApp(database, broker, { relay: { mode: 'off' } });
  const heldLanes = async () => {
    const rows = await database.query('select lane from outbox_lanes where owner is not null');
    return rows.length;
  };

  it(
    'stays alive, publishes what others add, and ends with SIGTERM',
    async () => {
      const queue = await declareQueue(broker, 'worker');
      const worker = await start({ STOP_TIMEOUT: '5s' });
      // Idle: it has no connection to the broker yet, and those to the database do not keep it alive.
      const { outbox, transactions, close } = await producer();
      await waitFor(async () => (await heldLanes()) === 16);
      await transactions.run(() => outbox.add({ type: queue, payload: 1 }));
      await waitFor(async () => (await broker.queue(queue))?.messages === 1);
      await waitFor(async () => (await outboxRows(database))?.pending === 0);
      await expect(worker.kill('SIGTERM')).resolves.toEqual({ code: null, signal: 'SIGTERM' });
      await expect(heldLanes()).resolves.toBe(0);
      expect(worker.lines).toEqual([]);
      await close();
    },
    TIMEOUT,
  );

  it(
    'ends within stopTimeout where the broker does not answer, and gives its lanes back',
    async () => {
      const { outbox, transactions, close } = await producer();
      const worker = await start({ HANG: '1', STOP_TIMEOUT: '800ms' });
      await transactions.run(() => outbox.add({ type: 'a', payload: 1 }));
      await worker.waitForLine('published to nobody');
      const since = performance.now();
      await worker.kill('SIGTERM');
      const took = performance.now() - since;
      expect(took).toBeGreaterThan(700);
      expect(took).toBeLessThan(3_000);
      await expect(heldLanes()).resolves.toBe(0);
      expect((await outboxRows(database))?.pending).toBe(1);
      await close();
    },
    TIMEOUT,
  );
});
