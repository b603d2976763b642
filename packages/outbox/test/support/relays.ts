import { spawnChild, waitFor, type TestBroker, type TestChild } from '@acme/internal-testing';
import { openOutboxApp } from './outbox-app.js';
import type { OutboxDatabase } from './outbox-database.js';

const child = new URL('../children/relay.mjs', import.meta.url);

/** The long forms, on request only: they take minutes. */
export const FULL = process.env['CHAOS'] === 'full';

/** What a relay of these tests publishes twice at most when it dies. */
export const WINDOW = 40;

export interface RelayOptions {
  /** Where it kills itself: "before remove". */
  readonly point?: string;
  /** … when it gets there so often. */
  readonly count?: number;
  readonly lease?: string;
  readonly window?: number;
  /** More options of the module. */
  readonly options?: object;
  readonly nodeArgs?: readonly string[];
}

/** What a relay tells of itself. */
export interface RelayStats {
  readonly published: number;
  /** Messages that were given to the publisher. */
  readonly handed: number;
  /** The most that had no outcome at a time, since it was asked last. */
  readonly most: number;
  /** Memory, after a garbage collection where there is one. */
  readonly bytes: number;
}

/** A relay alone in a process. */
export function spawnRelay(
  database: Pick<OutboxDatabase, 'url'>,
  broker: Pick<TestBroker, 'url'>,
  { point = '', count = 1, lease = '1s', window = WINDOW, options, nodeArgs }: RelayOptions = {},
): TestChild {
  return spawnChild(child, {
    env: {
      TEST_DATABASE: database.url,
      TEST_BROKER: broker.url,
      WINDOW: String(window),
      LEASE: lease,
      POINT: point,
      COUNT: String(count),
      OPTIONS: JSON.stringify(options ?? {}),
    },
    ...(nodeArgs ? { nodeArgs } : {}),
  });
}

export async function statsOf(relay: TestChild): Promise<RelayStats> {
  relay.send('stats');
  return relay.receive<RelayStats>((message) => typeof message === 'object', {
    deadlineMs: 30_000,
    what: 'its statistics',
  });
}

/** Nothing is left that could be published. */
export const emptied = (database: OutboxDatabase, deadlineMs = 40_000) =>
  waitFor(
    async () => {
      const [left] = await database.query<{ number_of_rows: number }>(
        `select cast((select count(*) from outbox_messages)
           + (select count(*) from outbox_waiting)
           + (select count(*) from outbox_delayed) as int) as number_of_rows`,
      );
      return left?.number_of_rows === 0;
    },
    { deadlineMs, what: 'an empty outbox' },
  );

/** How many lanes each relay has, the least first. */
export async function lanesOf(database: OutboxDatabase): Promise<number[]> {
  const rows = await database.query<{ lanes: number }>(
    'select cast(count(*) as int) as lanes from outbox_lanes where owner is not null group by owner',
  );
  return rows.map(({ lanes }) => lanes).sort((one, other) => one - other);
}

export const shared = (database: OutboxDatabase, ...lanes: number[]) =>
  waitFor(async () => String(await lanesOf(database)) === String(lanes), {
    deadlineMs: 40_000,
    what: `lanes shared as ${String(lanes)}`,
  });

/** Every lane is as a relay leaves it that has died. */
export async function abandonLanes(database: OutboxDatabase): Promise<void> {
  await database.query(
    `update outbox_lanes set owner = 'dead', token = token + 1, lease_until = now() - interval '1' second`,
  );
}

/** Adds to an outbox, from a process that publishes nothing. */
export async function addAll(
  database: OutboxDatabase,
  broker: Pick<TestBroker, 'url'>,
  messages: readonly object[],
  rules: { readonly sequence?: boolean } = {},
): Promise<void> {
  const { outbox, transactions, close } = await openOutboxApp(database, broker, {
    relay: { mode: 'off' },
    ...rules,
  });
  await transactions.run(() => outbox.add(messages as Parameters<typeof outbox.add>[0]));
  await close();
}

export interface Numbered {
  readonly type: string;
  readonly key: string;
  readonly payload: { readonly key: string; readonly n: number };
}

/** Messages of so many keys, by turns. */
export const numbered = (type: string, count: number, keys: number, from = 0): Numbered[] =>
  Array.from({ length: count }, (_, i) => {
    const key = `k${(from + i) % keys}`;
    return { type, key, payload: { key, n: from + i } };
  });
