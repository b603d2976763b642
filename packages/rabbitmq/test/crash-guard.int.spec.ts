import { takeAll, testBroker, waitFor, type TestBroker } from '@acme/internal-testing';
import { RmqDeadLetter, RmqRetry } from '@acme/nest-rabbitmq';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ConsumerGround } from './support/consumer-ground.js';
import { CONSUMERS, slug, type Open } from './support/consumers.js';
import { CountedAttempts } from './support/counted-attempts.js';
import { gateOf } from './support/ordered-ground.js';

let broker: TestBroker;
beforeAll(async () => {
  broker = await testBroker();
});

afterEach(() => ConsumerGround.closeAll());

const TYPES = ['classic', 'quorum'] as const;

/** A queue with messages that somebody has taken and not settled. */
async function comingAgain(
  kind: string,
  open: Open,
  type: (typeof TYPES)[number],
  ids: readonly string[],
): Promise<ConsumerGround> {
  const ground = new ConsumerGround(broker, open, `${slug(kind)}-guard`, ['dlq', 'retry.1000']);
  const first = await ground.start({ queueType: type, handle: () => {} });
  await first.close();
  await ground.publish(...ids);
  const channel = await broker.channel();
  for (const _ of ids)
    await waitFor(async () => (await channel.get(ground.queue)) !== false, { what: 'a message' });
  await channel.close();
  return ground;
}

describe.each(CONSUMERS)('%s', (kind, open) => {
  it.each(TYPES)('parks nothing of a rolling deployment: %s queue', async (queueType) => {
    const ground = new ConsumerGround(broker, open, `${slug(kind)}-deploys`, ['dlq']);
    const attempts = new CountedAttempts();
    const gate = gateOf();
    for (let deployment = 0; deployment < 6; deployment += 1) {
      const consumer = await ground.start({
        queueType,
        attempts,
        prefetch: 2,
        module: { drainTimeout: 50 },
        handle: () => gate.opened,
      });
      if (deployment === 0) await ground.publish('a', 'b');
      await waitFor(() => consumer.handled.length === 2);
      await consumer.close();
      expect(attempts.begun).toEqual(new Map());
    }
    gate.open();
    const last = await ground.start({ queueType, attempts, handle: () => {} });
    await waitFor(() => last.handled.length === 2);
    await last.close();
    expect((await broker.queue(ground.queue))?.messages).toBe(0);
    expect(await broker.queue(`${ground.queue}.dlq`)).toBeUndefined();
    expect(attempts.asked).toContain('begin a');
    expect(attempts.begun).toEqual(new Map());
  });

  it.each(TYPES)('does with a suspect what its method says: %s queue', async (queueType) => {
    const ground = await comingAgain(kind, open, queueType, ['a', 'b']);
    const elsewhere = broker.name(`${slug(kind)}-guard-${queueType}-elsewhere`);
    const method: MethodDecorator = (target, key, descriptor) => {
      RmqRetry({ crashes: 2 })(target, key, descriptor);
      RmqDeadLetter({ queue: elsewhere })(target, key, descriptor);
    };
    // The first death was in company.
    const attempts = new CountedAttempts({ a: 3, b: 2 });
    const consumer = await ground.start({
      queueType,
      attempts,
      module: { retry: { crashes: 9, attempts: 1 }, drainTimeout: '5s' },
      decorators: { method },
      handle: () => {},
    });
    await waitFor(async () => (await broker.queue(elsewhere))?.messages === 1);
    await waitFor(() => consumer.handled.length === 1);
    expect(consumer.handled[0]?.message).toMatchObject({ messageId: 'b', attempt: 4 });
    const [parked] = await takeAll(broker, elsewhere);
    expect(parked?.properties).toMatchObject({
      messageId: 'a',
      headers: { 'x-error-code': 'CRASH_LOOP', 'x-attempt': 5, 'x-original-queue': ground.queue },
    });
    expect(consumer.log.messages('warn').join('\n')).toContain('CRASH_LOOP');
    await consumer.close();
    expect(attempts.begun).toEqual(new Map());
  });

  it('keeps the order of a key while one of it is tried alone', async () => {
    const ground = await comingAgain(kind, open, 'classic', ['1']);
    await ground.publish('2', '3', '4');
    const attempts = new CountedAttempts({ 1: 1 });
    const done: (string | undefined)[] = [];
    const consumer = await ground.start({
      queueType: 'classic',
      attempts,
      ordered: { key: () => 'all' },
      handle: async ({ message }) => {
        await new Promise((turn) => setImmediate(turn));
        done.push(message.messageId);
      },
    });
    await waitFor(() => done.length === 4);
    expect(done).toEqual(['1', '2', '3', '4']);
    await consumer.close();
  });

  it('says at boot who counts, and where nobody does', async () => {
    const ground = new ConsumerGround(broker, open, `${slug(kind)}-boot`);
    const uncounted = await ground.start({ queueType: 'classic', handle: () => {} });
    expect(uncounted.log.messages('warn')).toContainEqual(
      expect.stringContaining(`Nobody counts how often a message of "${ground.queue}"`),
    );
    await uncounted.close();
    const module = { retry: { crashes: 7 } };
    const attempts = new CountedAttempts();
    const counted = await ground.start({
      queueType: 'classic',
      attempts,
      module,
      handle: () => {},
    });
    expect(counted.log.messages('warn').join()).not.toContain('Nobody counts');
    expect(counted.log.messages('log').join()).toContain(`7 crashes: "${ground.queue}.dlq"`);
  });
});
