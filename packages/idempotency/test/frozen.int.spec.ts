import { randomUUID } from 'node:crypto';
import { testBroker, testDatabase, testRedis, waitFor } from '@acme/internal-testing';
import { expect, it } from 'vitest';
import { startService } from './support/service.js';

interface Inside {
  readonly inside?: number;
  readonly fence: number;
}
interface Written {
  readonly written?: boolean;
  readonly aborted: string | null;
}
interface Settled {
  readonly settled?: 'held' | 'lost';
}

it('lets no consumer that was frozen longer than its lease write or settle anything', async () => {
  const [broker, database, redis] = await Promise.all([testBroker(), testDatabase(), testRedis()]);
  await database.pool.query('create table guarded (order_id text primary key, fence bigint)');
  const channel = await broker.channel();
  const [queue, parked] = [broker.name('orders'), broker.name('parked')];
  await channel.assertQueue(parked, { durable: false });
  const deadLetter = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': parked };
  await channel.assertQueue(queue, { durable: false, arguments: deadLetter });
  const start = () =>
    startService({
      store: 'Redis',
      doors: ['nest-slow'],
      amqp: broker.url,
      queues: { nest: queue },
      env: { DATABASE: database.url, REDIS: redis.url, PREFIX: redis.prefix, LOCK_TTL: '1s' },
    });
  const order = randomUUID();
  const fenceOf = async (): Promise<string | undefined> =>
    (await database.pool.query<{ fence: string }>('select fence from guarded')).rows[0]?.fence;
  const publish = (): void => {
    const body = Buffer.from(JSON.stringify({ order }));
    channel.sendToQueue(queue, body, { type: 'slow', messageId: order });
  };

  const zombie = await start();
  publish();
  const first = await zombie.child.receive<Inside>(({ inside }) => inside !== undefined);
  zombie.child.freeze();
  const heir = await start();
  // The broker holds the frozen one's delivery for it, so what comes to the heir is a duplicate.
  publish();
  const second = await heir.child.receive<Inside>(({ inside }) => inside !== undefined, {
    deadlineMs: 30_000,
  });
  expect(second.fence).toBeGreaterThan(first.fence);
  await heir.ask('go');
  const heirs = await heir.child.receive<Written>(({ written }) => written !== undefined);
  expect(heirs).toEqual({ written: true, aborted: null });
  expect(await heir.child.receive<Settled>(({ settled }) => !!settled)).toEqual({
    settled: 'held',
  });

  zombie.child.thaw();
  const zombies = await zombie.child.receive<Written>(({ written }) => written !== undefined);
  expect(zombies).toEqual({ written: false, aborted: 'IDEMPOTENCY_LEASE_LOST' });
  expect(await zombie.child.receive<Settled>(({ settled }) => !!settled)).toEqual({
    settled: 'lost',
  });
  expect(await fenceOf()).toBe(String(second.fence));

  // Its delivery comes again, and is found to be done.
  const acks = async (): Promise<number> =>
    (await zombie.ask<number>('acks')) + (await heir.ask<number>('acks'));
  await waitFor(async () => (await acks()) === 2);
  await Promise.all([zombie.child.kill(), heir.child.kill()]);
  await waitFor(async () => (await broker.queue(queue))?.consumers === 0);
  expect((await broker.queue(queue))?.messages).toBe(0);
  expect(await broker.take(parked)).toEqual([]);
});
