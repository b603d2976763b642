// Kills a redrive at every step between taking a message and its ack, and lets the next one finish. What is lost is counted at the broker.
import {
  declareQueue,
  spawnChild,
  takeAll,
  testBroker,
  type TestBroker,
} from '@acme/internal-testing';
import { DeadLetters } from '@acme/nest-rabbitmq';
import { connect } from 'amqplib';
import { beforeAll, describe, expect, it } from 'vitest';
import type { CrashPoint } from '../support/crash-point.js';
import { failedIn, holds, parkedQueue, QUEUE_KINDS } from '../support/parked.js';

const child = new URL('../children/redriver.mjs', import.meta.url);
const MESSAGES = 200;
/** What a run has on its way at most. */
const WINDOW = 100;

const POINTS: CrashPoint[] = [
  { point: 'after delivery', count: 1, least: 0, most: 0 },
  { point: 'before publish', count: 1, least: 0, most: 0 },
  { point: 'before publish', count: 50, least: 0, most: WINDOW },
  { point: 'during publish', count: 50, least: 0, most: WINDOW },
  { point: 'after publish', count: 1, least: 1, most: WINDOW },
  { point: 'after publish', count: 50, least: 1, most: WINDOW },
  { point: 'before ack', count: 50, least: 1, most: WINDOW },
  { point: 'after ack', count: 50, least: 0, most: WINDOW },
  // The last acks may not have come to a quorum queue: a broker forgets what a channel that ends has not passed on.
  { point: 'after ack', count: MESSAGES, least: 0, most: WINDOW },
];

let broker: TestBroker;
beforeAll(async () => {
  broker = await testBroker();
});

const ids = Array.from({ length: MESSAGES }, (_, n) => `m-${n}`);

describe.each(QUEUE_KINDS)('a redrive that dies: %s', (label, args) => {
  it.each(POINTS)('$point ($count): no message is lost', async ({ point, count, least, most }) => {
    const name = `crash.${label}.${point}.${count}`.replaceAll(' ', '-');
    const orders = await declareQueue(broker, name, { arguments: args });
    const messages = ids.map((messageId) => ({
      properties: { messageId, headers: failedIn(orders) },
    }));
    const queue = await parkedQueue(broker, name, messages, args);
    const env = {
      TEST_BROKER: broker.url,
      QUEUE: queue,
      POINT: point,
      COUNT: String(count),
      RUN: name,
    };
    const victim = spawnChild(child, { env });
    victim.send('go');
    await expect(victim.exited).resolves.toMatchObject({ signal: 'SIGKILL' });

    const arrived = (await takeAll(broker, orders)).map(({ properties }) => properties.messageId);
    // The broker notices a moment later that it is gone.
    const desk = new DeadLetters({ connect: () => connect(broker.url) });
    let left: number;
    do ({ redriven: left } = await desk.redrive(queue, { resume: name }));
    while (left > 0);
    await holds(broker, queue, 0);
    const later = (await takeAll(broker, orders)).map(({ properties }) => properties.messageId);
    const all = [...arrived, ...later] as string[];
    expect(new Set(all)).toEqual(new Set(ids));
    expect(all.length - MESSAGES).toBeGreaterThanOrEqual(least);
    expect(all.length - MESSAGES).toBeLessThanOrEqual(most);
  });
});
