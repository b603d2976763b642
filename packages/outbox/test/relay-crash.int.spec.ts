import { spawnChild, testBroker, waitFor, type TestBroker } from '@acme/internal-testing';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openOutboxApp, outboxRows } from './support/outbox-app.js';
import { OUTBOX_DATABASES, type OutboxDatabase } from './support/outbox-database.js';
import { declareQueue, firstOccurrences, orderViolations, takeAll } from './support/queues.js';

const WINDOW = 40;
/** More than the sum of the deadlines within a test: the one that is missed is then told by its name. */
const TIMEOUT = 120_000;
/** Where two relays share the work, neither may lose a lane only because the machine is busy. */
const SHARED = { LEASE: '2s' };
const child = new URL('./children/relay.mjs', import.meta.url);

describe.each(OUTBOX_DATABASES)('a relay that dies, on %s', (_, open) => {
  let database: OutboxDatabase;
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await testBroker();
  });
  beforeEach(async () => {
    database = await open();
  });

  const spawnRelay = (env: Record<string, string> = {}) =>
    spawnChild(child, {
      env: {
        TEST_DATABASE: database.url,
        TEST_BROKER: broker.url,
        WINDOW: String(WINDOW),
        LEASE: '1s',
        ...env,
      },
    });
  const emptied = () =>
    waitFor(
      async () => {
        const rows = await outboxRows(database);
        return rows?.pending === 0 && rows.waiting === 0;
      },
      { deadlineMs: 25_000, what: 'an empty outbox' },
    );
  const leases = async () => {
    const rows = await database.query<{ lanes: number }>(
      'select cast(count(*) as int) as lanes from outbox_lanes where owner is not null group by owner',
    );
    return rows.map(({ lanes }) => lanes).sort();
  };

  /** Fifteen keys; the first message of one cannot be routed, so all of its steps are taken too. */
  const messages = (queue: string, count: number, from: number) =>
    Array.from({ length: count }, (_, i) => {
      const n = from + i;
      const key = `k${n % 15}`;
      return {
        type: queue,
        key,
        payload: { key, n },
        ...(n === 7 ? { routingKey: broker.name('nowhere') } : {}),
      };
    });
  const add = async (queue: string, count: number, from = 0) => {
    const { outbox, transactions, close } = await openOutboxApp(database, broker, {
      relay: { mode: 'off' },
    });
    await transactions.run(() => outbox.add(messages(queue, count, from)));
    await close();
  };

  it.each([
    ['before claim', 1],
    ['after claim', 1],
    ['after readPending', 1],
    ['before publish', 1],
    ['after publish', 1],
    ['before publish', 100],
    ['after publish', 100],
    ['before remove', 1],
    ['after remove', 1],
    ['before remove', 3],
    ['before holdBack', 1],
    ['after holdBack', 1],
    ['after divert', 1],
    ['before park', 1],
    ['after park', 1],
    ['before unblock', 1],
    ['after unblock', 1],
  ])(
    '%s (%i) loses nothing, keeps the order, and publishes no more than a window twice',
    async (POINT, COUNT) => {
      const queue = await declareQueue(broker, `crash-${POINT}-${COUNT}`);
      await add(queue, 300);
      const first = spawnRelay({ POINT, COUNT: String(COUNT) });
      await expect(first.exited).resolves.toMatchObject({ signal: 'SIGKILL' });

      const next = await openOutboxApp(database, broker, {
        relay: { lease: '1s' },
        retry: { attempts: 2, backoff: 50, maxBackoff: 50 },
      });
      await emptied();
      await next.close();

      const arrived = await takeAll(broker, queue);
      expect(firstOccurrences(arrived)).toHaveLength(299);
      expect(arrived.length - 299).toBeLessThanOrEqual(WINDOW);
      expect(orderViolations(arrived)).toEqual([]);
      const parked = await database.query('select routing_key, attempts from outbox_parked');
      expect(parked).toEqual([{ routing_key: broker.name('nowhere'), attempts: 2 }]);
    },
    TIMEOUT,
  );

  it(
    'leaves its lanes to the others, who had shared them fairly',
    async () => {
      const queue = await declareQueue(broker, 'takeover');
      await add(queue, 0);
      const [one, other] = [spawnRelay(SHARED), spawnRelay(SHARED)];
      await waitFor(async () => String(await leases()) === '8,8', { deadlineMs: 20_000 });
      await add(queue, 2_000);
      await waitFor(async () => ((await broker.queue(queue))?.messages ?? 0) > 100, {
        intervalMs: 1,
      });
      await one.kill();
      await emptied();
      await waitFor(async () => String(await leases()) === '16', { deadlineMs: 20_000 });
      const arrived = await takeAll(broker, queue);
      expect(firstOccurrences(arrived)).toHaveLength(1_999);
      expect(arrived.length - 1_999).toBeLessThanOrEqual(WINDOW);
      expect(orderViolations(arrived)).toEqual([]);
      await expect(other.kill('SIGTERM')).resolves.toMatchObject({ code: 0 });
      await expect(leases()).resolves.toEqual([]);
    },
    TIMEOUT,
  );

  it(
    'or freezes past its lease and comes back, spoils neither order nor table',
    async () => {
      const queue = await declareQueue(broker, 'frozen');
      await add(queue, 0);
      const [one, other] = [spawnRelay(SHARED), spawnRelay(SHARED)];
      await waitFor(async () => String(await leases()) === '8,8', { deadlineMs: 20_000 });
      await add(queue, 3_000);
      await waitFor(async () => ((await broker.queue(queue))?.messages ?? 0) > 100, {
        intervalMs: 1,
      });
      one.freeze();
      await emptied();
      one.thaw();
      await add(queue, 1_000, 3_000);
      await waitFor(async () => String(await leases()) === '8,8', { deadlineMs: 20_000 });
      await emptied();
      const arrived = await takeAll(broker, queue);
      expect(firstOccurrences(arrived)).toHaveLength(3_999);
      expect(arrived.length - 3_999).toBeLessThanOrEqual(WINDOW);
      expect(orderViolations(arrived)).toEqual([]);
      await Promise.all([one.kill('SIGTERM'), other.kill('SIGTERM')]);
    },
    TIMEOUT,
  );
});
