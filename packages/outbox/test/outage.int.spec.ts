// The broker is away for long, with a backlog whose order counts. `CHAOS=full`: for a minute, with 20,000 messages.
import {
  declareQueue,
  takeAll,
  tcpProxy,
  testBroker,
  waitFor,
  type TcpProxy,
} from '@acme/internal-testing';
import { describe, expect, it } from 'vitest';
import {
  OUTBOX_DATABASES_OF_BROKER_TESTS,
  type OutboxDatabase,
} from './support/outbox-database.js';
import { firstOccurrences, orderViolations } from './support/arrivals.js';
import {
  abandonLanes,
  addAll,
  emptied,
  FULL,
  numbered,
  spawnRelay,
  statsOf,
} from './support/relays.js';

const [COUNT, SECONDS] = FULL ? [20_000, 60] : [2_000, 5];
const WINDOW = 200;
const KEYS = 50;
const MB = 1024 * 1024;
const LONG = { deadlineMs: 60_000 + SECONDS * 1_000 };

const WAYS: Record<string, (proxy: TcpProxy) => void> = {
  'refuses connections': (proxy) => proxy.down(),
  'answers nothing': (proxy) => proxy.halfOpen(),
  'takes everything and confirms nothing': (proxy) => proxy.halfOpen('replies'),
};

describe.each(OUTBOX_DATABASES_OF_BROKER_TESTS)(
  'while the broker is away, the relay on %s',
  (_, open) => {
    /** Messages that the outage has cost something. */
    const blamed = async (database: OutboxDatabase) =>
      database.query(
        `select message_id from outbox_waiting where attempts > 0
       union all
       select message_id from outbox_parked`,
      );

    it.each(Object.entries(WAYS))(
      'blames no message, asks with one at a time and needs no memory, then publishes all in order: it %s',
      async (way, goAway) => {
        const [database, broker] = await Promise.all([open(), testBroker()]);
        const queue = await declareQueue(broker, `outage-${way.replaceAll(' ', '-')}`);
        const proxy = await tcpProxy(broker.url);
        await addAll(database, broker, numbered(queue, COUNT, KEYS));
        const relay = spawnRelay(
          database,
          { url: proxy.url },
          {
            window: WINDOW,
            lease: '10s',
            nodeArgs: ['--expose-gc'],
            options: { publishTimeout: '500ms', retry: { attempts: 1 } },
          },
        );
        await waitFor(async () => ((await broker.queue(queue))?.messages ?? 0) > 100, {
          ...LONG,
          intervalMs: 1,
        });
        const gone = performance.now();
        goAway(proxy);
        await relay.waitForLine('The broker does not answer', LONG);
        // Asked once more, since what was under way when it was noticed counts as well.
        await statsOf(relay);
        const { bytes, handed } = await statsOf(relay);
        await addAll(database, broker, numbered(queue, COUNT, KEYS, COUNT));

        let most = 0;
        let probes = 0;
        let highest = 0;
        await waitFor(
          async () => {
            const stats = await statsOf(relay);
            [most, highest] = [Math.max(most, stats.most), Math.max(highest, stats.bytes)];
            probes = stats.handed - handed;
            return performance.now() - gone > SECONDS * 1_000 && probes >= 3;
          },
          { ...LONG, intervalMs: 200 },
        );
        expect(most).toBeLessThanOrEqual(1);
        // Twice as long between two of them, up to five seconds.
        expect(probes).toBeLessThan(10 + SECONDS / 2);
        expect(highest - bytes).toBeLessThan(5 * MB);
        await expect(blamed(database)).resolves.toEqual([]);

        proxy.restore();
        await emptied(database, LONG.deadlineMs);
        await expect(blamed(database)).resolves.toEqual([]);
        await relay.leave();
        const arrived = await takeAll(broker, queue);
        expect(firstOccurrences(arrived)).toHaveLength(2 * COUNT);
        expect(arrived.length - 2 * COUNT).toBeLessThanOrEqual(WINDOW + probes + 10);
        expect(orderViolations(arrived)).toEqual([]);
        await proxy.close();
      },
      4 * LONG.deadlineMs,
    );

    it(
      'that has taken over from a dead one tries its messages again and again, and blames none',
      async () => {
        const [database, broker] = await Promise.all([open(), testBroker()]);
        const queue = await declareQueue(broker, 'outage-and-death');
        const proxy = await tcpProxy(broker.url);
        await addAll(database, broker, numbered(queue, 300, 20));
        await abandonLanes(database);
        proxy.down();
        const relay = spawnRelay(
          database,
          { url: proxy.url },
          { options: { publishTimeout: '500ms', retry: { attempts: 1, crashes: 1 } } },
        );
        await relay.waitForLine('The broker does not answer', LONG);
        const { handed } = await statsOf(relay);
        await waitFor(async () => (await statsOf(relay)).handed >= handed + 4, LONG);
        // Between two tries no message is accused: that the process dies while the broker is away is none's fault.
        await waitFor(async () => {
          relay.freeze();
          const tried = await database.query('select lane from outbox_lanes where trying > 0');
          if (tried.length > 0) relay.thaw();
          return tried.length === 0;
        }, LONG);
        await relay.kill();
        const heir = spawnRelay(
          database,
          { url: proxy.url },
          { options: { publishTimeout: '500ms', retry: { attempts: 1, crashes: 1 } } },
        );
        await heir.waitForLine('The broker does not answer', LONG);
        proxy.restore();
        await emptied(database, LONG.deadlineMs);
        await expect(blamed(database)).resolves.toEqual([]);
        await heir.leave();
        const arrived = await takeAll(broker, queue);
        expect(arrived).toHaveLength(300);
        expect(orderViolations(arrived)).toEqual([]);
        await proxy.close();
      },
      4 * LONG.deadlineMs,
    );
  },
);
