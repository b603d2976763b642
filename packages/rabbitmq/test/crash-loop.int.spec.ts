// Messages that kill the process: consumers are started again and again, as a platform does, until one survives.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  declareQueue,
  spawnChild,
  takeAll,
  testBroker,
  testDatabase,
  waitFor,
  type TestBroker,
  type TestChild,
  type TestDatabase,
} from '@acme/internal-testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { slug } from './support/consumers.js';

const child = new URL('./children/crash-consumer.mjs', import.meta.url);

let broker: TestBroker;
let database: TestDatabase;
let folder: string;
beforeAll(async () => {
  broker = await testBroker();
  database = await testDatabase();
  folder = mkdtempSync(join(tmpdir(), 'crash-loop-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface SceneOptions {
  readonly kind: string;
  readonly type: 'classic' | 'quorum';
  readonly hasStore: boolean;
  readonly crashes?: number;
  readonly queueArguments?: Readonly<Record<string, unknown>>;
}

let scenes = 0;

/** A queue, and how often what of it was handled. */
async function scene({ kind, type, hasStore, crashes, queueArguments }: SceneOptions) {
  const name = `crash-loop-${(scenes += 1)}.${slug(kind)}`;
  const args = { 'x-queue-type': type, ...queueArguments };
  const queue = await declareQueue(broker, name, { arguments: args });
  const parked = broker.name(`${name}.dlq`);
  broker.name(`${name}.retry.50`);
  const ledger = join(folder, name);
  const start = (): TestChild =>
    spawnChild(child, {
      env: {
        TEST_BROKER: broker.url,
        KIND: kind,
        QUEUE: queue,
        ARGUMENTS: JSON.stringify(args),
        SCHEMA: database.schema,
        DATABASE: hasStore ? database.url : undefined,
        LEDGER: ledger,
        CRASHES: crashes === undefined ? undefined : String(crashes),
      },
    });
  const noted = (what: 'begun' | 'done'): { id: string; attempt: number }[] =>
    readFileSync(ledger, { flag: 'a+', encoding: 'utf8' })
      .split('\n')
      .map((line) => line.split(' '))
      .flatMap(([word, id = '', attempt]) =>
        word === what ? [{ id, attempt: Number(attempt) }] : [],
      );
  const publish = async (ids: readonly string[], withId = true): Promise<void> => {
    const channel = await broker.confirmChannel();
    for (const messageId of ids)
      channel.sendToQueue(queue, Buffer.from('{}'), {
        type: 'placed',
        persistent: true,
        ...(withId && { messageId }),
      });
    await channel.waitForConfirms();
    await channel.close();
  };
  /** Starts one after the other, until what was asked for has come about; returns how many have died. */
  const untilOneSurvives = async (isDone: () => boolean | Promise<boolean>): Promise<number> => {
    for (let deaths = 0; ; deaths += 1) {
      const one = start();
      let signal: NodeJS.Signals | null | undefined;
      void one.exited.then((exit) => (signal = exit.signal));
      await waitFor(async () => signal !== undefined || (await isDone()), {
        deadlineMs: 30_000,
        what: 'the end of this consumer, or that everything is done',
      });
      if (signal === undefined) {
        await one.leave();
        return deaths;
      }
      expect(signal, one.lines.join('\n')).toBe('SIGKILL');
    }
  };
  const depth = async (of: string): Promise<number> => (await broker.queue(of))?.messages ?? 0;
  return {
    queue,
    parked,
    start,
    publish,
    noted,
    untilOneSurvives,
    depth,
    /** So many were handled, and so many parked. */
    isOver: async (handled: number, inDeadLetters: number): Promise<boolean> =>
      new Set(noted('done').map(({ id }) => id)).size === handled &&
      (await depth(parked)) === inDeadLetters,
    beginsOf: (id: string) => noted('begun').filter((one) => one.id === id).length,
  };
}

const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => `m-${index}`);

const KINDS = ['Nest RMQ', 'ReliableRmqServer', 'golevelup'];

describe.each(KINDS)('%s, with an attempt store', (kind) => {
  it.each(['classic', 'quorum'] as const)(
    'parks what kills the process after so many deaths, and handles all others: %s queue',
    async (type) => {
      const on = await scene({ kind, type, hasStore: true });
      const healthy = ids(25);
      await on.publish([...healthy.slice(0, 5), 'poison', ...healthy.slice(5)]);
      const deaths = await on.untilOneSurvives(() => on.isOver(healthy.length, 1));

      // As a first delivery, and beside others when it came again: then three times alone.
      expect(deaths).toBe(5);
      expect(on.beginsOf('poison')).toBe(5);
      expect(
        on
          .noted('begun')
          .filter(({ id }) => id === 'poison')
          .map(({ attempt }) => attempt),
      ).toEqual([1, 2, 3, 4, 5]);
      expect(new Set(on.noted('done').map(({ id }) => id))).toEqual(new Set(healthy));
      await expect(on.depth(on.queue)).resolves.toBe(0);
      const [parked, ...more] = await takeAll(broker, on.parked);
      expect(more).toEqual([]);
      expect(parked?.properties).toMatchObject({
        messageId: 'poison',
        headers: {
          'x-error-code': 'CRASH_LOOP',
          'x-original-queue': on.queue,
          'x-attempt': 6,
        },
      });
      const { rows } = await database.pool.query(
        `select name from ${database.schema}.records where name = $1`,
        [`delivery of ${on.queue}`],
      );
      expect(rows).toEqual([]);
    },
    120_000,
  );
});

describe('several that kill the process', () => {
  it('are parked, each after deaths of its own, and nobody else is', async () => {
    const on = await scene({ kind: 'Nest RMQ', type: 'classic', hasStore: true, crashes: 1 });
    const healthy = ids(30);
    const poisons = ['poison-1', 'poison-2', 'poison-3'];
    await on.publish([
      poisons[0]!,
      ...healthy.slice(0, 4),
      poisons[1]!,
      ...healthy.slice(4),
      poisons[2]!,
    ]);
    const deaths = await on.untilOneSurvives(() => on.isOver(healthy.length, poisons.length));
    const parked = (await takeAll(broker, on.parked)).map(({ properties }) => properties.messageId);
    expect(new Set(parked)).toEqual(new Set(poisons));
    expect(parked).toHaveLength(poisons.length);
    // At most the first delivery, one beside others, and one alone.
    expect(deaths).toBeLessThanOrEqual(3 * poisons.length);
    await expect(on.depth(on.queue)).resolves.toBe(0);
  }, 120_000);
});

describe.each(KINDS)('%s on a quorum queue without a store', (kind) => {
  it('parks it a little before the broker would drop it, and none of those that came back with it', async () => {
    const queueArguments = { 'x-delivery-limit': 5 };
    const on = await scene({ kind, type: 'quorum', hasStore: false, queueArguments });
    const healthy = ids(25);
    await on.publish([...healthy.slice(0, 5), 'poison', ...healthy.slice(5)]);
    const deaths = await on.untilOneSurvives(() => on.isOver(healthy.length, 1));

    expect(deaths).toBe(4);
    expect(on.beginsOf('poison')).toBe(4);
    expect(new Set(on.noted('done').map(({ id }) => id))).toEqual(new Set(healthy));
    await expect(on.depth(on.queue)).resolves.toBe(0);
    const [parked] = await takeAll(broker, on.parked);
    expect(parked?.properties).toMatchObject({
      messageId: 'poison',
      headers: { 'x-error-code': 'CRASH_LOOP' },
    });
    expect(parked?.properties.headers?.['x-error-message']).toContain('x-delivery-limit 5');
  }, 120_000);
});
