// CHAOS=full: at more steps. Kills a consumer at every step of parking a message and those that follow of its key, lets another one finish, mends the cause, and
// redrives: every message is handled, and those of a key in their order. The order store is that of @acme/nest-idempotency.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  declareQueue,
  spawnChild,
  testBroker,
  testDatabase,
  waitFor,
  type TestBroker,
  type TestDatabase,
} from '@acme/internal-testing';
import { DeadLetters } from '@acme/nest-rabbitmq';
import { connect } from 'amqplib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const child = new URL('./children/parking-consumer.mjs', import.meta.url);
const KEYS = ['k0', 'k1', 'k2'];
/** Of each key; the second one of the first key fails. */
const PER_KEY = 6;
const idOf = (key: string, n: number): string =>
  `${key}-${n}${key === 'k0' && n === 2 ? '-bad' : ''}`;
const idsOf = (key: string): string[] =>
  Array.from({ length: PER_KEY }, (_, at) => idOf(key, at + 1));

const POINTS = [
  { point: 'after write', count: 1 },
  { point: 'after publish', count: 1 },
  { point: 'before write', count: 3 },
  { point: 'before ack', count: 5 },
];
const MORE = [
  { point: 'before write', count: 1 },
  { point: 'before publish', count: 1 },
  { point: 'during publish', count: 1 },
  { point: 'after write', count: 3 },
  { point: 'after publish', count: 3 },
  { point: 'after ack', count: 5 },
];
if (process.env['CHAOS'] === 'full') POINTS.push(...MORE);

let broker: TestBroker;
let database: TestDatabase;
let folder: string;
beforeAll(async () => {
  broker = await testBroker();
  database = await testDatabase();
  folder = mkdtempSync(join(tmpdir(), 'ordered-crash-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** As the store has them. */
async function stoppedKeys(): Promise<number> {
  const { rowCount } = await database.pool.query(
    `select from "${database.schema}".records where outcome like '%"line"%'`,
  );
  return rowCount ?? 0;
}

const quorum = { 'x-queue-type': 'quorum', 'x-delivery-limit': 20 };

async function scene(name: string, { point, count }: (typeof POINTS)[number]) {
  const queue = await declareQueue(broker, name, { arguments: quorum });
  const dead = broker.name(`${name}.dlq`);
  const ledger = join(folder, name);
  const mended = join(folder, `${name}.mended`);
  const env = {
    TEST_BROKER: broker.url,
    QUEUE: queue,
    DATABASE: database.url,
    SCHEMA: database.schema,
    LEDGER: ledger,
    MENDED: mended,
  };
  const channel = await broker.confirmChannel();
  for (let n = 1; n <= PER_KEY; n += 1)
    for (const key of KEYS)
      channel.sendToQueue(queue, Buffer.from(JSON.stringify({ key })), {
        messageId: idOf(key, n),
        type: 'placed',
        persistent: true,
      });
  await channel.waitForConfirms();
  await channel.close();
  const victim = spawnChild(child, { env: { ...env, POINT: point, COUNT: String(count) } });
  await expect(victim.exited).resolves.toMatchObject({ signal: 'SIGKILL' });
  const depth = async (of: string) => (await broker.queue(of))?.messages ?? 0;
  return {
    dead,
    depth,
    heir: spawnChild(child, { env }),
    mend: () => writeFileSync(mended, ''),
    succeeded: () =>
      readFileSync(ledger, { flag: 'a+', encoding: 'utf8' })
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.slice('succeeded '.length)),
    isEmpty: async () => (await depth(queue)) === 0,
  };
}

describe('a consumer that dies while it parks what follows of a key', () => {
  it.each(POINTS)('$point ($count): the key is handled whole and in order', async (at) => {
    const name = `parks-key.${at.point}.${at.count}`.replaceAll(' ', '-');
    const { dead, depth, heir, mend, succeeded, isEmpty } = await scene(name, at);
    const others = KEYS.slice(1).flatMap(idsOf);
    await waitFor(
      async () =>
        others.every((id) => succeeded().includes(id)) &&
        (await depth(dead)) >= PER_KEY - 1 &&
        (await isEmpty()),
      { deadlineMs: 30_000, what: 'other keys done, and one parked' },
    );
    expect(succeeded().filter((id) => id.startsWith('k0'))).toEqual([idOf('k0', 1)]);
    await expect(stoppedKeys()).resolves.toBe(1);
    mend();
    const deadLetters = new DeadLetters({ connect: () => connect(broker.url) });
    await waitFor(
      async () => {
        await deadLetters.redrive(dead);
        return (await depth(dead)) === 0 && new Set(succeeded()).size === KEYS.length * PER_KEY;
      },
      { deadlineMs: 30_000, what: 'a key that is through' },
    );
    await deadLetters.close();
    await heir.leave();
    for (const key of KEYS) {
      const firsts = [...new Set(succeeded().filter((id) => id.startsWith(key)))];
      expect(firsts).toEqual(idsOf(key));
    }
    await expect(stoppedKeys()).resolves.toBe(0);
  });
});
