import {
  declareQueue,
  spawnChild,
  takeAll,
  testBroker,
  waitFor,
  type TestBroker,
} from '@acme/internal-testing';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openOutboxApp, outboxRows } from './support/outbox-app.js';
import { OUTBOX_DATABASES, type OutboxDatabase } from './support/outbox-database.js';
import { firstOccurrences, orderViolations } from './support/arrivals.js';

const child = new URL('./children/poisoned-relay.mjs', import.meta.url);
const TIMEOUT = 120_000;

describe.each(OUTBOX_DATABASES)('a message that kills the process, on %s', (_, openDatabase) => {
  let database: OutboxDatabase;
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await testBroker();
  });
  beforeEach(async () => {
    database = await openDatabase();
  });

  const poisoned = async (queue: string) => {
    const { outbox, transactions, admin, close } = await openOutboxApp(database, broker, {
      relay: { mode: 'off' },
    });
    const message = (n: number) => ({
      type: n === 60 ? 'poison' : queue,
      key: `k${n % 5}`,
      routingKey: queue,
      payload: { key: `k${n % 5}`, n },
    });
    await transactions.run(() => outbox.add(Array.from({ length: 120 }, (_, n) => message(n))));
    return { admin, close };
  };
  const spawnRelay = (DIES_AT: string) =>
    spawnChild(child, {
      env: { TEST_DATABASE: database.url, TEST_BROKER: broker.url, DIES_AT },
    });

  it.each(['reading', 'publishing'])(
    'by %s it is found and parked; nothing else is lost, or parked with it',
    async (dying) => {
      const queue = await declareQueue(broker, `poison-${dying}`);
      const { admin, close } = await poisoned(queue);
      let deaths = 0;
      let relay = spawnRelay(dying);
      for (;;) {
        const ended = await Promise.race([
          relay.exited,
          waitFor(async () => (await admin.status()).parked === 1, { deadlineMs: 30_000 }),
        ]);
        if (ended === true) break;
        expect(ended).toMatchObject({ signal: 'SIGKILL' });
        deaths += 1;
        expect(deaths).toBeLessThanOrEqual(3);
        relay = spawnRelay(dying);
      }
      // Once with everything under way, and as often as it may alone.
      expect(deaths).toBe(3);
      await waitFor(async () => {
        const rows = await outboxRows(database);
        return rows?.pending === 0 && rows.waiting === 0;
      });
      await relay.leave();
      await expect(admin.parked()).resolves.toMatchObject([
        {
          type: 'poison',
          reason: 'CRASHED',
          error: expect.stringContaining('died 2 times in a row'),
          payload: JSON.stringify({ key: 'k0', n: 60 }),
        },
      ]);
      await close();
      const arrived = await takeAll(broker, queue);
      expect(firstOccurrences(arrived)).toHaveLength(119);
      expect(orderViolations(arrived)).toEqual([]);
    },
    TIMEOUT,
  );
});
