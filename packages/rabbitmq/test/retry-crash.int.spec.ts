// Kills a consumer at every step between a failure and its ack, and lets another one finish.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  declareQueue,
  spawnChild,
  takeAll,
  testBroker,
  waitFor,
  type TestBroker,
  type TestChild,
} from '@acme/internal-testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CrashPoint } from './support/crash-point.js';

const child = new URL('./children/consumer.mjs', import.meta.url);
const MESSAGES = 30;
/** As the child consumes: what was under way when it died. */
const PREFETCH = 10;

const POINTS: CrashPoint[] = [
  { point: 'before declare', count: 1, least: 0, most: 0 },
  { point: 'after declare', count: 1, least: 0, most: 0 },
  { point: 'before publish', count: 1, least: 0, most: 0 },
  { point: 'before publish', count: 7, least: 0, most: 6 },
  { point: 'during publish', count: 5, least: 0, most: PREFETCH },
  { point: 'after publish', count: 5, least: 1, most: PREFETCH },
  { point: 'before ack', count: 5, least: 1, most: PREFETCH },
  { point: 'after ack', count: 5, least: 0, most: PREFETCH },
];

let broker: TestBroker;
let folder: string;
beforeAll(async () => {
  broker = await testBroker();
  folder = mkdtempSync(join(tmpdir(), 'retry-crash-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const ids = Array.from({ length: MESSAGES }, (_, index) => `m-${index}`);

/** A queue of messages, and a consumer that has died of them, with the one that takes over. */
async function scene(name: string, { point, count }: CrashPoint, parks: boolean) {
  const queue = await declareQueue(broker, name, { arguments: { 'x-queue-type': 'quorum' } });
  const hops = broker.name(`${name}.${parks ? 'dlq' : 'retry.50'}`);
  const ledger = join(folder, name);
  const env = {
    TEST_BROKER: broker.url,
    QUEUE: queue,
    LEDGER: ledger,
    PARKS: parks ? '1' : undefined,
  };
  const victim = spawnChild(child, { env: { ...env, POINT: point, COUNT: String(count) } });
  const heir = spawnChild(child, { env });
  const channel = await broker.confirmChannel();
  const publish = (messageId: string, to = queue) =>
    channel.sendToQueue(to, Buffer.from('{}'), {
      messageId,
      type: 'placed',
      persistent: true,
      headers: to === queue ? {} : { 'x-attempt': 2 },
    });
  ids.forEach((id) => publish(id));
  await channel.waitForConfirms();
  victim.send('go');
  await expect(victim.exited).resolves.toMatchObject({ signal: 'SIGKILL' });
  heir.send('go');
  return {
    queue,
    hops,
    heir,
    publish,
    depth: async (of: string) => (await broker.queue(of))?.messages ?? 0,
    noted: (what: string) =>
      readFileSync(ledger, { flag: 'a+', encoding: 'utf8' })
        .split('\n')
        .filter((line) => line.startsWith(`${what} `))
        .map((line) => line.slice(what.length + 1)),
  };
}

/** All that it was given has its answer; what has none is back in its queue once it has left. */
async function leaves(heir: TestChild): Promise<void> {
  await waitFor(
    async () => {
      heir.send('idle?');
      return (await heir.receive<{ isIdle: boolean }>()).isIdle;
    },
    { what: 'a consumer that has settled everything' },
  );
  await heir.leave();
}

function expectTwice(count: number, { least, most }: CrashPoint): void {
  expect(count).toBeGreaterThanOrEqual(least);
  expect(count).toBeLessThanOrEqual(most);
}

describe('a consumer that dies between a failure and its ack', () => {
  it.each(POINTS)('$point ($count): each message still succeeds', async (at) => {
    const name = `retries.${at.point}.${at.count}`.replaceAll(' ', '-');
    const { queue, hops, heir, publish, depth, noted } = await scene(name, at, false);
    await waitFor(() => new Set(noted('succeeded')).size === MESSAGES, {
      deadlineMs: 30_000,
      what: 'the success of every message',
    });
    // What waits leaves in its order: behind this one there is nothing any more.
    publish('last', hops);
    await waitFor(() => noted('succeeded').includes('last'), { what: 'the last message' });
    await leaves(heir);

    const succeeded = noted('succeeded').filter((id) => id !== 'last');
    expect(new Set(succeeded)).toEqual(new Set(ids));
    expectTwice(succeeded.length - MESSAGES, at);
    expect(new Set(noted('hopped'))).toEqual(new Set(ids));
    await expect(depth(queue)).resolves.toBe(0);
    await expect(depth(hops)).resolves.toBe(0);
  });

  it.each(POINTS)('$point ($count): each message is still parked', async (at) => {
    const name = `parks.${at.point}.${at.count}`.replaceAll(' ', '-');
    const { queue, hops, heir, depth, noted } = await scene(name, at, true);
    const isDone = async () =>
      new Set(noted('hopped')).size === MESSAGES && (await depth(queue)) === 0;
    await waitFor(isDone, { deadlineMs: 30_000, what: 'a queue from which all is parked' });
    await leaves(heir);

    await expect(depth(queue)).resolves.toBe(0);
    const parked = (await takeAll(broker, hops)).map(({ properties }) => properties.messageId);
    expect(new Set(parked)).toEqual(new Set(ids));
    expectTwice(parked.length - MESSAGES, at);
  });
});
