import { randomUUID } from 'node:crypto';
import { testBroker, waitFor, type TestBroker } from '@acme/internal-testing';
import type { Channel } from 'amqplib';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startService, type Door, type Service } from './service.js';
import type { StoreUnderTest } from './store-under-test.js';

const TRANSACTION = [
  'before begin',
  'before claim',
  'during claim',
  'after claim',
  'before effect',
  'after effect',
  'before commit',
  'during commit',
  'after commit',
  'before ack',
  'after ack',
  // The handler fails.
  'before rollback',
  'after rollback',
  // A redelivery is counted first.
  'before claim, before countAttempt',
  'before claim, during countAttempt',
  'before claim, after countAttempt',
];
const LEASE = [
  'before claim',
  'during claim',
  'after claim',
  'before effect',
  'after effect',
  'before settle',
  'during settle',
  'after settle',
  'before ack',
  'after ack',
  // The handler fails before the effect.
  'before release',
  'during release',
  'after release',
  // It runs longer than a third of its lease.
  'before extend',
  'after extend',
];
/** Between the effect and its record, which is not one step with it: the one place where a lease may repeat an effect. */
const REPEATS: Readonly<Record<string, readonly number[]>> = {
  'after effect': [2],
  'before settle': [2],
  'during settle': [1, 2],
};

/** A consumer that is killed at each of these points, and what becomes of the event then. */
export function describeCrashes(
  door: Door,
  store: string,
  open: () => Promise<StoreUnderTest>,
): void {
  describe(`a consumer that is killed: ${door}, ${store}`, () => {
    const points = store.endsWith('transaction') ? TRANSACTION : LEASE;
    let charges: StoreUnderTest['charges'];
    let broker: TestBroker;
    let channel: Channel;
    let queue: string;
    let parked: string;
    let start: (armed?: string) => Promise<Service>;
    /** The heir of one test is the victim of the next. */
    let running: Service | undefined;
    let order: string;

    beforeAll(async () => {
      const under = await open();
      ({ charges } = under);
      broker = await testBroker();
      channel = await broker.channel();
      [queue, parked] = [broker.name('orders'), broker.name('parked')];
      await channel.assertQueue(parked, { durable: false });
      const deadLetter = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': parked };
      await channel.assertQueue(queue, { durable: false, arguments: deadLetter });
      start = (armed) =>
        startService({
          store,
          doors: [door],
          amqp: broker.url,
          queues: { nest: queue, 'golevelup-event': queue },
          env: { ...under.env, ...(armed === undefined ? {} : { ARMED: armed }) },
        });
      return async () => {
        await running?.child.kill();
        // Nobody is left to hold a message: had one not been acked, it would be here.
        await waitFor(async () => (await broker.queue(queue))?.consumers === 0);
        expect((await broker.queue(queue))?.messages).toBe(0);
      };
    });

    beforeEach(async () => {
      order = randomUUID();
      running ??= await start();
    });

    const publish = (id: string): void => {
      const body = Buffer.from(JSON.stringify({ order: id }));
      channel.sendToQueue(queue, body, { type: 'charge', messageId: id });
    };

    /** Prefetch is 1 and a message that is given back keeps its place: this one comes when all before it were acked. */
    const acked = async (): Promise<void> => {
      const mark = randomUUID();
      publish(mark);
      await waitFor(async () => (await charges(mark)) === 1, { deadlineMs: 30_000 });
    };

    const gone = async ({ child }: Service, point: string): Promise<void> => {
      const { signal } = await child.exited;
      expect([signal, child.lines.at(-1)]).toEqual(['SIGKILL', `killed ${point}`]);
      running = undefined;
    };

    it.each(points)('%s', async (deaths) => {
      const [first, ...later] = deaths.split(', ');
      await running!.ask('arm', { point: first });
      publish(order);
      await gone(running!, first!);
      // What is in the queue is delivered as soon as somebody is there, so these are armed before.
      for (const point of later) await gone(await start(point), point);
      running = await start();
      await acked();
      const expected = store.endsWith('transaction') ? [1] : (REPEATS[deaths] ?? [1]);
      expect(expected).toContain(await charges(order));
      expect(await broker.take(parked)).toEqual([]);
    });
  });
}
