// Random services add, fail and roll back, while relays are killed, stopped, frozen and cut off; in the end everything is where
// a model says. `CHAOS_SEED=…` repeats a run, `CHAOS=full` makes it long.
import {
  declareQueue,
  takeAll,
  tcpProxy,
  testBroker,
  waitFor,
  type TestBroker,
  type TestChild,
} from '@acme/internal-testing';
import { describe, expect, it } from 'vitest';
import { openOutboxApp } from './support/outbox-app.js';
import { OUTBOX_DATABASES, type OutboxDatabase } from './support/outbox-database.js';
import { firstOccurrences } from './support/arrivals.js';
import {
  committed,
  planOf,
  type Plan,
  type PlannedMessage,
  type PlannedTransaction,
} from './support/random-plan.js';
import { addAll, emptied, FULL, lanesOf, spawnRelay, WINDOW } from './support/relays.js';

const SEED = Number(process.env['CHAOS_SEED'] ?? Date.now() % 2 ** 31);
const RELAYS = 2;
const SIZE = {
  services: 4,
  transactions: FULL ? 3_000 : 160,
  faults: FULL ? 60 : 8,
  relays: RELAYS,
};
const MINUTES = FULL ? 20 : 4;
const rolledBack = new Error('rolled back');

/** Two relays that reach their servers through proxies, and what happens to them. */
async function relaysOn(database: OutboxDatabase, broker: TestBroker) {
  const [way, databaseWay] = await Promise.all([tcpProxy(broker.url), tcpProxy(database.url)]);
  const spawn = (): TestChild =>
    spawnRelay({ url: databaseWay.url }, { url: way.url }, { options: { retry: { crashes: 10 } } });
  const relays = Array.from({ length: RELAYS }, spawn);
  const faults = {
    kill: (relay: TestChild) => relay.kill(),
    // It may still be starting, and nobody listens to the signal then.
    stop: (relay: TestChild) => relay.kill('SIGTERM'),
    freeze: async (relay: TestChild) => {
      relay.freeze();
      await waitFor(async () => String(await lanesOf(database)) === '16', {
        deadlineMs: 30_000,
        what: 'all lanes with the other relay',
      });
      relay.thaw();
    },
    'cut broker': async () => way.cut(),
    'cut database': async () => databaseWay.cut(),
  };
  return {
    suffer: async ({ fault, relay: index }: Plan['faults'][number]) => {
      const relay = relays[index] as TestChild;
      await faults[fault](relay);
      if (fault === 'kill' || fault === 'stop') relays[index] = spawn();
    },
    close: async () => {
      await Promise.all(relays.map((relay) => relay.kill('SIGTERM')));
      await Promise.all([way.close(), databaseWay.close()]);
    },
  };
}

describe.each(OUTBOX_DATABASES)('an outbox on %s', (_, open) => {
  const run = async (plan: Plan): Promise<void> => {
    const [database, broker] = await Promise.all([open(), testBroker()]);
    const queue = await declareQueue(broker, 'model');
    await addAll(database, broker, []);
    const relays = await relaysOn(database, broker);
    const { outbox, transactions, close } = await openOutboxApp(database, broker, {
      relay: { mode: 'off' },
    });
    const toMessage = ({ messageId, key, n, kind }: PlannedMessage) => ({
      type: queue,
      messageId,
      key,
      payload: { key, n },
      ...(kind === 'unroutable' ? { routingKey: broker.name('nowhere') } : {}),
      ...(kind === 'later' ? { delay: n * 10 } : {}),
    });
    const carryOut = ({ calls, fate }: PlannedTransaction): Promise<void> =>
      transactions.run(async () => {
        const sql = transactions.sql();
        for (const [index, call] of calls.entries()) {
          if (index === 1 && fate === 'savepoint') await sql.query('savepoint one');
          await outbox.add(call.map(toMessage));
        }
        if (fate === 'savepoint' && calls.length > 1) await sql.query('rollback to savepoint one');
        if (fate === 'rolls back') throw rolledBack;
        if (fate === 'nested')
          await transactions.run(() => Promise.reject(rolledBack)).catch(() => {});
      });

    const serve = async (list: readonly PlannedTransaction[]): Promise<void> => {
      for (const one of list) {
        const failed = await carryOut(one).then(
          () => false,
          () => true,
        );
        expect(failed).toBe(one.fate === 'rolls back' || one.fate === 'nested');
      }
    };
    // In as many rounds as there are faults, so that each comes while messages are added and published.
    const part = SIZE.transactions / plan.faults.length;
    for (const [round, fault] of plan.faults.entries()) {
      const parts = plan.services.map((list) => list.slice(round * part, (round + 1) * part));
      await Promise.all([...parts.map(serve), relays.suffer(fault)]);
    }
    await emptied(database, MINUTES * 60_000);
    await relays.close();
    await close();

    const expected = plan.services.flat().flatMap(committed);
    const ids = (messages: readonly PlannedMessage[]) =>
      messages.map(({ messageId }) => messageId).toSorted();
    const arrived = await takeAll(broker, queue);
    const first = firstOccurrences(arrived).map(({ properties }) => String(properties.messageId));
    expect(first.toSorted()).toEqual(ids(expected.filter(({ kind }) => kind !== 'unroutable')));
    const parked = await database.query<{ message_id: string; reason: string }>(
      'select message_id, reason from outbox_parked',
    );
    expect(new Set(parked.map(({ reason }) => reason))).toEqual(new Set(['UNROUTABLE']));
    expect(parked.map((row) => row.message_id).toSorted()).toEqual(
      ids(expected.filter(({ kind }) => kind === 'unroutable')),
    );
    expect(outOfOrder(first, expected)).toEqual([]);
    expect(arrived.length - first.length).toBeLessThanOrEqual(plan.faults.length * RELAYS * WINDOW);
  };

  it(
    'lets exactly what was committed leave, in order, whatever happens',
    async () => {
      const ended = run(planOf(SEED, SIZE));
      await expect(ended, `CHAOS_SEED=${SEED} repeats this run`).resolves.toBeUndefined();
    },
    MINUTES * 180_000,
  );
});

/** Messages that arrived after a later one of their key. */
function outOfOrder(arrived: readonly string[], expected: readonly PlannedMessage[]): string[] {
  const planned = new Map(expected.map((message) => [message.messageId, message]));
  const last = new Map<string, number>();
  return arrived.filter((id) => {
    const { key, n, kind } = planned.get(id) as PlannedMessage;
    if (key === undefined || kind === 'later') return false;
    const isLate = n < (last.get(key) ?? 0);
    last.set(key, Math.max(n, last.get(key) ?? 0));
    return isLate;
  });
}
