import { startPrivate, waitFor, type PrivateServer, type TestBroker } from '@acme/internal-testing';
import { connect } from 'amqplib';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ConsumerGround } from './support/consumer-ground.js';
import { CONSUMERS, slug } from './support/consumers.js';

/** One that may be restarted: nobody else is on it. */
let server: PrivateServer;
beforeAll(async () => {
  server = await startPrivate('rabbitmq');
}, 60_000);

afterEach(ConsumerGround.closeAll);

const MESSAGES = 400;
const PREFETCH = 20;

async function publish(queue: string): Promise<void> {
  const connection = await connect(server.url);
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  for (let index = 0; index < MESSAGES; index += 1)
    channel.sendToQueue(queue, Buffer.from('{}'), {
      type: 'placed',
      messageId: `m-${index}`,
      persistent: true,
    });
  await channel.waitForConfirms();
  await connection.close();
}

async function depths(...queues: string[]): Promise<number[]> {
  const connection = await connect(server.url);
  connection.on('error', () => {});
  try {
    const found: number[] = [];
    for (const queue of queues) {
      const channel = await connection.createChannel();
      found.push((await channel.checkQueue(queue)).messageCount);
      await channel.close();
    }
    return found;
  } finally {
    await connection.close();
  }
}

/**
 * A broker writes down a moment later, not when it is declared, where it keeps a quorum queue; one that is killed before forgets that.
 * 3.10.8 and 4.0.5 then confirm nothing to it any more, 4.3.6 has an empty one.
 */
const writtenDown = () => server.control('eval', '[dets:sync(Table) || Table <- dets:all()].');

const ENDS: [how: string, end: () => Promise<void>][] = [
  ['stopped', () => server.halt()],
  ['killed', () => server.kill('SIGKILL')],
];
const CASES = CONSUMERS.flatMap(([kind, open]) =>
  ENDS.map(([how, end]) => ({ kind, open, how, end })),
);

describe.each(CASES)('$kind, when the broker is $how and started under load', (scene) => {
  const { kind, open, how, end } = scene;

  it('handles every message, retries those that fail, and parks none', async () => {
    const broker = { url: server.url, name: (x: string) => x } as TestBroker;
    const { queue, start } = new ConsumerGround(broker, open, `${how}-${slug(kind)}`);
    await publish(queue);
    const succeeded = new Set<string | undefined>();
    let stopped: Promise<void> | undefined;
    let restarting: Promise<void> | undefined;
    const { handled, close } = await start({
      prefetch: PREFETCH,
      module: {
        retry: { attempts: 10, initial: 100, backoff: 'fixed', jitter: false },
        queues: { [queue]: {} },
      },
      handle: async ({ message }, count) => {
        if (count === 100) {
          stopped = writtenDown().then(end);
          restarting = stopped.then(() => server.restart());
        }
        // As many as the prefetch allows are in work when it goes.
        await stopped;
        if (count % 10 === 0) throw new Error('not now');
        succeeded.add(message.messageId);
      },
    });
    await waitFor(() => succeeded.size === MESSAGES, { deadlineMs: 60_000 });
    await restarting;
    await close();
    // What is on its way still is a copy of what has succeeded.
    expect(await depths(`${queue}.dlq`)).toEqual([0]);
    const again = handled.length - MESSAGES;
    const failed = Math.floor(handled.length / 10);
    // What was in work when the broker went comes again, and no more than that.
    expect(again - failed).toBeLessThanOrEqual(2 * PREFETCH);
  }, 90_000);
});
