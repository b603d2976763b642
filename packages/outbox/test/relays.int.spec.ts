// Several relays, each in a process of its own.
import {
  declareQueue,
  takeAll,
  testBroker,
  waitFor,
  type TestBroker,
} from '@acme/internal-testing';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { OUTBOX_DATABASES, type OutboxDatabase } from './support/outbox-database.js';
import { firstOccurrences, orderViolations } from './support/arrivals.js';
import {
  addAll,
  emptied,
  lanesOf,
  numbered,
  shared,
  spawnRelay,
  statsOf,
  WINDOW,
} from './support/relays.js';

const TIMEOUT = 200_000;
const LANES = 16;
/** Neither may lose a lane only because the machine is busy. */
const lease = '2s';

describe.each(OUTBOX_DATABASES)('relays on %s', (_, open) => {
  let database: OutboxDatabase;
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await testBroker();
  });
  beforeEach(async () => {
    database = await open();
  });

  const fairly = (count: number): number[] => Array.from({ length: count }, () => LANES / count);
  const spawn = async (count: number, options = {}) => {
    await addAll(database, broker, []);
    const relays = fairly(count).map(() => spawnRelay(database, broker, { lease, ...options }));
    await shared(database, ...fairly(count));
    return relays;
  };
  const flowing = (queue: string, least = 100) =>
    waitFor(async () => ((await broker.queue(queue))?.messages ?? 0) > least, {
      deadlineMs: 20_000,
      intervalMs: 1,
      what: `more than ${least} messages in ${queue}`,
    });
  /** All of them, in order, and no more than so many windows came twice. */
  const complete = async (queue: string, count: number, windows: number): Promise<void> => {
    const arrived = await takeAll(broker, queue);
    expect(firstOccurrences(arrived)).toHaveLength(count);
    expect(arrived.length - count).toBeLessThanOrEqual(windows * WINDOW);
    expect(orderViolations(arrived)).toEqual([]);
  };

  it.each([2, 4])(
    '%i share the lanes, and with them the work',
    async (count) => {
      const queue = await declareQueue(broker, `shared-${count}`);
      const relays = await spawn(count, { lease: '10s' });
      await addAll(database, broker, numbered(queue, 4_000, 400));
      await emptied(database);
      const published = await Promise.all(relays.map(statsOf));
      // Lanes are hashes of keys: nearly the same number in each.
      for (const stats of published) expect(stats.published).toBeGreaterThan(2_000 / count);
      expect(published.reduce((sum, stats) => sum + stats.published, 0)).toBe(4_000);
      await complete(queue, 4_000, 0);
      await Promise.all(relays.map((relay) => relay.leave()));
      await expect(lanesOf(database)).resolves.toEqual([]);
    },
    TIMEOUT,
  );

  it('that let delayed messages in at the same time keep those of a key in the order of their times', async () => {
    const delayed = numbered('later', 2_000, 5).map((message) => ({ ...message, delay: 1 }));
    await addAll(database, broker, delayed);
    const store = database.store();
    await store.prepare(undefined);
    const rules = { strictOrder: false, sequence: false };
    const letIn = async (): Promise<void> => {
      while ((await store.promote(50, rules)).moved > 0);
    };
    await waitFor(async () => {
      await Promise.all([letIn(), letIn(), letIn(), letIn()]);
      const left = await database.query('select seq from outbox_delayed');
      return left.length === 0;
    });
    const rows = await database.query<{ payload: string }>(
      'select payload from outbox_messages order by seq',
    );
    const arrived = rows.map(({ payload }, i) => ({
      content: Buffer.from(payload),
      properties: { messageId: i },
    }));
    expect(arrived).toHaveLength(2_000);
    expect(orderViolations(arrived as never)).toEqual([]);
  });

  it(
    'that leave, and that come, hand the lanes over without a duplicate',
    async () => {
      const queue = await declareQueue(broker, 'handed-over');
      const [one, other] = await spawn(2, { lease: '10s' });
      await addAll(database, broker, numbered(queue, 3_000, 30));
      await flowing(queue);
      await one?.leave();
      const next = spawnRelay(database, broker, { lease: '10s' });
      await emptied(database);
      await shared(database, 8, 8);
      await expect(complete(queue, 3_000, 0)).resolves.toBeUndefined();
      await Promise.all([other?.leave(), next.leave()]);
    },
    TIMEOUT,
  );

  it.each(['before release', 'after release'])(
    'one of which dies when it hands lanes over (%s) lose nothing',
    async (point) => {
      const queue = await declareQueue(broker, `dies-${point}`);
      await addAll(database, broker, []);
      const dying = spawnRelay(database, broker, { lease: '1s', point });
      await shared(database, LANES);
      await addAll(database, broker, numbered(queue, 1_000, 30));
      const heir = spawnRelay(database, broker, { lease });
      await expect(dying.exited).resolves.toMatchObject({ signal: 'SIGKILL' });
      await emptied(database);
      await shared(database, LANES);
      await complete(queue, 1_000, 1);
      await heir.leave();
    },
    TIMEOUT,
  );

  it.each([2, 4])(
    '%i, one of which dies, lose nothing, and the others have its lanes',
    async (count) => {
      const queue = await declareQueue(broker, `takeover-${count}`);
      const [dying, ...others] = await spawn(count);
      await addAll(database, broker, numbered(queue, 2_000, 60));
      await flowing(queue);
      await dying?.kill();
      await emptied(database);
      await waitFor(
        async () => {
          const lanes = await lanesOf(database);
          return lanes.length === count - 1 && lanes.reduce((sum, n) => sum + n, 0) === LANES;
        },
        { deadlineMs: 40_000, what: 'all lanes with those that live' },
      );
      await complete(queue, 2_000, 1);
      for (const relay of others) await relay.leave();
      await expect(lanesOf(database)).resolves.toEqual([]);
    },
    TIMEOUT,
  );

  it.each([2, 4])(
    '%i, one of which freezes past its lease and comes back, spoil neither order nor table',
    async (count) => {
      const queue = await declareQueue(broker, `frozen-${count}`);
      const relays = await spawn(count);
      const [frozen] = relays;
      await addAll(database, broker, numbered(queue, 3_000, 60));
      await flowing(queue);
      frozen?.freeze();
      await emptied(database);
      frozen?.thaw();
      await addAll(database, broker, numbered(queue, 1_000, 60, 3_000));
      await shared(database, ...fairly(count));
      await emptied(database);
      await expect(complete(queue, 4_000, 1)).resolves.toBeUndefined();
      for (const relay of relays) await relay.leave();
    },
    TIMEOUT,
  );
});
