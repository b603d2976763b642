// Kills a relay at every call that it makes, and lets another one finish. `CHAOS=full` takes all of them, and each not only the
// first time.
import {
  declareQueue,
  takeAll,
  testBroker,
  waitFor,
  type TestBroker,
} from '@acme/internal-testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openOutboxApp, outboxRows } from './support/outbox-app.js';
import {
  OUTBOX_DATABASES,
  type OutboxDatabase,
  type OwnOutboxDatabase,
} from './support/outbox-database.js';
import { firstOccurrences, orderViolations } from './support/arrivals.js';
import {
  abandonLanes,
  addAll,
  emptied,
  FULL,
  numbered,
  spawnRelay,
  WINDOW,
} from './support/relays.js';

/** More than the sum of the deadlines within a test: the one that is missed is then told by its name. */
const TIMEOUT = 150_000;
const RETRY = { attempts: 2, backoff: 50, maxBackoff: 50 };

interface Scene {
  readonly options: { readonly retention?: '7d'; readonly retry?: object };
  /** What the first relay finds. */
  readonly before?: (database: OutboxDatabase) => Promise<unknown>;
  readonly steps: string;
  /** Those that every run of the tests takes; all others are taken by the long form. */
  readonly short: readonly (readonly [point: string, count: number])[];
}

const SCENES: Record<string, Scene> = {
  'all messages but one': {
    options: {},
    steps:
      'claim tend readBlocks readPending readWaiting promote publish holdBack divert park remove unblock',
    short: [
      ['during promote', 1],
      ['after promote', 1],
      ['during publish', 60],
      ['after publish', 100],
      ['before remove', 1],
      ['during remove', 3],
      ['after remove', 1],
      ['before holdBack', 1],
      ['after holdBack', 1],
      ['after divert', 1],
      ['during park', 1],
      ['after unblock', 1],
    ],
  },
  // Its predecessor has died as well, so it tries messages one by one.
  'after a predecessor has died': {
    options: {},
    before: abandonLanes,
    steps: 'pendingEntries waitingEntries accuse readOne publish acquit divert holdBack remove',
    short: [
      ['after accuse', 1],
      ['after readOne', 20],
      ['after publish', 5],
      ['before acquit', 1],
    ],
  },
  'while published messages are kept': {
    options: { retention: '7d' },
    before: (database) =>
      database.query(
        `insert into outbox_published (seq, lane, message_id, type, occurred_at, payload, published_at)
         values (-1, 0, 'old', 'old', now(), '1', now() - interval '8' day)`,
      ),
    steps: 'remove purge',
    short: [
      ['during remove', 1],
      ['after purge', 1],
    ],
  },
};

const MOMENTS = ['before', 'during', 'after'];

/** Where, and how often before. What differs between the databases is held by the contract of stores: one in three will do. */
const pointsOf = ({ steps, short }: Scene, database: string): (readonly [string, number])[] =>
  FULL
    ? steps
        .split(' ')
        .flatMap((step) =>
          MOMENTS.flatMap((moment) =>
            (step === 'publish' ? [1, 60, 150] : [1, 2, 5]).map(
              (count) => [`${moment} ${step}`, count] as const,
            ),
          ),
        )
    : short.filter((_, index) => database === 'PostgreSQL' || index % 3 === 0);

describe.each(OUTBOX_DATABASES)('a relay that dies, on %s', (on, open) => {
  let broker: TestBroker;
  let database: OwnOutboxDatabase;
  beforeAll(async () => {
    broker = await testBroker();
  });
  beforeEach(async () => {
    database = await open();
  });
  // The long form has more of them than a server has connections.
  afterEach(() => database.close());

  /** Fifteen keys, of one of which the first cannot be routed, and five whose messages are due a moment later. */
  const messagesTo = (queue: string) => [
    ...numbered(queue, 300, 15).map((message) =>
      message.payload.n === 7 ? { ...message, routingKey: broker.name('nowhere') } : message,
    ),
    ...numbered(queue, 60, 5).map((message) => ({
      ...message,
      key: `later ${message.key}`,
      payload: { ...message.payload, key: `later ${message.key}` },
      delay: 1,
    })),
  ];

  /** The first relay is dead, or has come to the end without getting there that often. */
  const dies = async (
    point: string,
    count: number,
    options: object,
    isDone: () => Promise<unknown>,
  ): Promise<void> => {
    const relay = spawnRelay(database, broker, { point, count, options });
    const mustDie = !FULL || count === 1;
    if (!mustDie) await Promise.race([relay.exited, isDone()]);
    await expect(mustDie ? relay.exited : relay.kill()).resolves.toMatchObject({
      signal: 'SIGKILL',
    });
  };

  describe.each(Object.entries(SCENES))('%s', (name, scene) => {
    it.each(pointsOf(scene, on))(
      '%s (%i): loses nothing, keeps the order, and no more than a window comes twice',
      async (point, count) => {
        const queue = await declareQueue(broker, `crash-${name}-${point}-${count}`);
        await addAll(database, broker, messagesTo(queue));
        await scene.before?.(database);
        await dies(point, count, scene.options, () => emptied(database));

        const heir = await openOutboxApp(database, broker, {
          relay: { lease: '1s', pollInterval: 100 },
          ...scene.options,
          retry: RETRY,
        });
        await emptied(database);
        // Also of those whose last message was removed a moment before the first relay died.
        await waitFor(async () => (await heir.admin.status()).blocked === 0, {
          what: 'no blocked key',
        });
        await heir.close();

        const arrived = await takeAll(broker, queue);
        expect(firstOccurrences(arrived)).toHaveLength(359);
        expect(arrived.length - 359).toBeLessThanOrEqual(WINDOW);
        expect(orderViolations(arrived)).toEqual([]);
        const parked = await database.query('select routing_key, attempts from outbox_parked');
        expect(parked).toEqual([{ routing_key: broker.name('nowhere'), attempts: 2 }]);
        const kept = await database.query(
          `select distinct message_id from outbox_published where message_id <> 'old'`,
        );
        expect(kept).toHaveLength(scene.options.retention === undefined ? 0 : 359);
      },
      TIMEOUT,
    );
  });

  const BLOCKING: Scene = {
    options: { retry: { attempts: 1, onPark: 'block-key' } },
    steps: 'divert park remove',
    short: [
      ['after divert', 1],
      ['during park', 1],
      ['after park', 1],
    ],
  };

  it.each(pointsOf(BLOCKING, on))(
    '%s (%i), lets nothing of a key pass its parked message that blocks it',
    async (point, count) => {
      const queue = await declareQueue(broker, `block-key-${point}-${count}`);
      await addAll(database, broker, messagesTo(queue));
      const isBlocked = async () => {
        const rows = await outboxRows(database);
        return rows?.pending === 0 && rows.waiting === 19 && rows.parked === 1;
      };
      const settled = () => waitFor(isBlocked, { deadlineMs: 40_000, what: 'a blocked key' });
      await dies(point, count, BLOCKING.options, settled);

      const heir = await openOutboxApp(database, broker, {
        relay: { lease: '1s', pollInterval: 100 },
        ...BLOCKING.options,
      });
      await settled();
      await database.query(`update outbox_parked set routing_key = '${queue}'`);
      await expect(heir.admin.redrive()).resolves.toBe(1);
      await emptied(database);
      await heir.close();

      const arrived = await takeAll(broker, queue);
      expect(firstOccurrences(arrived)).toHaveLength(360);
      expect(arrived.length - 360).toBeLessThanOrEqual(WINDOW);
      expect(orderViolations(arrived)).toEqual([]);
      await expect(outboxRows(database)).resolves.toEqual({ pending: 0, waiting: 0, parked: 0 });
    },
    TIMEOUT,
  );
});
