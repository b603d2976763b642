import { randomUUID } from 'node:crypto';
import { spawnChild, testBroker, testDatabase, testRedis, waitFor } from '@acme/internal-testing';
import { expect, it } from 'vitest';

interface Said {
  readonly ready?: true;
  readonly attempt?: number;
}

it.each(['transaction', 'lease'] as const)(
  'parks a message that kills each process that tries it, %s mode',
  async (mode) => {
    const [broker, database, redis] = await Promise.all([
      testBroker(),
      testDatabase(),
      testRedis(),
    ]);
    const channel = await broker.channel();
    const [queue, parked] = [broker.name('poison'), broker.name('parked')];
    await channel.assertQueue(parked, { durable: false });
    const start = () =>
      spawnChild(new URL('support/consumer.mjs', import.meta.url), {
        env: {
          MODE: mode,
          DATABASE: database.url,
          SCHEMA: database.schema,
          REDIS: redis.url,
          PREFIX: redis.prefix,
          AMQP: broker.url,
          QUEUE: queue,
          PARKED: parked,
        },
      });
    let child = start();
    await child.receive<Said>(({ ready }) => ready === true, { deadlineMs: 30_000 });
    const messageId = randomUUID();
    channel.sendToQueue(queue, Buffer.from('{}'), { type: 'poison', messageId });
    for (const attempt of [1, 2]) {
      const said = await child.receive<Said>((one) => one.attempt !== undefined, {
        deadlineMs: 30_000,
      });
      expect(said.attempt).toBe(attempt);
      expect((await child.exited).signal).toBe('SIGKILL');
      child = start();
    }
    const [dead] = await waitFor(
      () => broker.take(parked).then((taken) => (taken.length > 0 ? taken : undefined)),
      { deadlineMs: 30_000 },
    );
    expect(dead!.properties.messageId).toBe(messageId);
    // The third process has refused it, and lives.
    expect((child.messages as Said[]).filter(({ ready }) => !ready)).toEqual([]);
    expect((await child.kill('SIGTERM')).signal).toBe('SIGTERM');
  },
);
