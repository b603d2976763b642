import { waitFor } from '@acme/internal-testing';
import type { Point } from '@acme/internal-testing/otel';
import { NonRetryableError } from '@acme/nest-message-context';
import { describe, expect, it } from 'vitest';
import { ConsumerGround } from '../support/consumer-ground.js';
import { CONSUMERS, slug } from '../support/consumers.js';
import { useTelemetry } from '../support/telemetry-ground.js';

const here = useTelemetry();

const retry = { attempts: 2, initial: 50, max: 50, jitter: false } as const;
const PROCESS = { 'messaging.operation.name': 'process', 'messaging.operation.type': 'process' };

describe.each(CONSUMERS)('the metrics of %s', (kind, open) => {
  const ground = () => {
    const own = new ConsumerGround(here.broker, open, `${slug(kind)}-metrics`, ['retry.50', 'dlq']);
    const { queue } = own;
    const from = { 'messaging.system': 'rabbitmq', 'messaging.destination.name': queue };
    const points = async (name: string, of = queue): Promise<Point[]> => {
      const { points: all = [] } = (await here.otel.metrics())[name] ?? {};
      return all.filter(({ attributes }) => attributes['messaging.destination.name'] === of);
    };
    const valueOf = async (name: string, of?: string) =>
      (await points(name, of)).reduce((sum, { value }) => sum + value, 0);
    const until = (name: string, value: number, of?: string) =>
      waitFor(async () => (await valueOf(name, of)) === value, { what: `${name} = ${value}` });
    return { own, queue, from, points, valueOf, until };
  };

  it('count deliveries and what has become of them, by reason', async () => {
    const { own, queue, from, points, until, valueOf } = ground();
    await own.start({
      module: { retry },
      handle: ({ message: { messageId } }) => {
        if (messageId === 'm-final') throw new NonRetryableError('ORDER_UNKNOWN');
        if (messageId === 'm-fails') throw new TypeError('the database is away');
      },
    });
    await own.publish('m-1', 'm-2', 'm-final', 'm-fails');
    await until('acme.rabbitmq.settled', 5);
    const handler = { 'acme.rabbitmq.handler': 'Events.placed' };
    const outcomes = [
      [{ 'acme.rabbitmq.outcome': 'acked' }, 2],
      [
        {
          'acme.rabbitmq.outcome': 'parked',
          'acme.rabbitmq.parked_for': 'ORDER_UNKNOWN',
          'error.type': 'ORDER_UNKNOWN',
        },
        1,
      ],
      [{ 'acme.rabbitmq.outcome': 'retried', 'error.type': 'TypeError' }, 1],
      [
        {
          'acme.rabbitmq.outcome': 'parked',
          'acme.rabbitmq.parked_for': 'RETRIES_EXHAUSTED',
          'error.type': 'TypeError',
        },
        1,
      ],
    ] as const;
    const expected = outcomes.map(([outcome, value]) => ({
      attributes: { ...from, ...handler, ...outcome },
      value,
    }));
    const settled = await points('acme.rabbitmq.settled');
    expect(settled).toHaveLength(expected.length);
    expect(settled).toEqual(expect.arrayContaining(expected));
    const handled = await points('messaging.process.duration');
    expect(handled.map(({ attributes, value }) => ({ attributes, value }))).toEqual(
      expect.arrayContaining(
        expected.map(({ attributes, value }) => ({
          attributes: { ...attributes, ...PROCESS },
          value,
        })),
      ),
    );
    expect(await points('messaging.client.consumed.messages')).toEqual([
      { attributes: { ...from, ...PROCESS }, value: 5 },
    ]);
    const attempts = (await points('acme.rabbitmq.attempts')).map(({ attributes, value, sum }) => [
      attributes['acme.rabbitmq.outcome'],
      value,
      sum,
    ]);
    // One was parked at once, the other on its second attempt.
    expect(attempts).toEqual(
      expect.arrayContaining([
        ['acked', 2, 2],
        ['parked', 2, 3],
      ]),
    );
    for (const [target, count] of [
      [`${queue}.dlq`, 2],
      [`${queue}.retry.50`, 1],
    ] as const) {
      await expect(valueOf('messaging.client.sent.messages', target)).resolves.toBe(count);
      await expect(valueOf('messaging.client.operation.duration', target)).resolves.toBe(count);
    }
  });

  it('measure the wait in the queue of what says when it was sent, once', async () => {
    const { own, queue, points, until } = ground();
    await own.start({
      module: { retry },
      handle: (_, n) => {
        if (n === 1) throw new Error('once');
      },
    });
    const channel = await here.broker.confirmChannel();
    const hourAgo = Math.floor(Date.now() / 1_000) - 3_600;
    channel.publish(own.exchange, 'placed', Buffer.from('{}'), {
      type: 'placed',
      timestamp: hourAgo,
    });
    channel.publish(own.exchange, 'placed', Buffer.from('{}'), { type: 'placed' });
    await channel.waitForConfirms();
    await channel.close();
    await until('acme.rabbitmq.settled', 3);
    const [wait, ...others] = await points('acme.rabbitmq.queue_wait');
    expect(others).toEqual([]);
    expect(wait).toMatchObject({ value: 1, attributes: { 'messaging.destination.name': queue } });
    expect(wait!.sum).toBeGreaterThan(3_598);
    expect(wait!.sum).toBeLessThan(3_700);
  });

  it('show what is in work, by prefetch, and that nothing is once it has shut down', async () => {
    const { own, until, valueOf } = ground();
    let release!: () => void;
    const released = new Promise<void>((done) => (release = done));
    const consumer = await own.start({ prefetch: 4, handle: () => released });
    await until('acme.rabbitmq.consumers', 1);
    await expect(valueOf('acme.rabbitmq.in_flight')).resolves.toBe(0);
    await own.publish('m-1', 'm-2', 'm-3');
    await until('acme.rabbitmq.in_flight', 3);
    await expect(valueOf('acme.rabbitmq.prefetch.utilization')).resolves.toBe(0.75);
    expect(await valueOf('acme.rabbitmq.oldest_in_flight')).toBeGreaterThan(0);
    release();
    await until('acme.rabbitmq.in_flight', 0);
    await consumer.close();
    for (const gauge of ['consumers', 'in_flight', 'prefetch.utilization', 'oldest_in_flight'])
      await expect(valueOf(`acme.rabbitmq.${gauge}`)).resolves.toBe(0);
  });

  it.each(['block', 'skip'] as const)(
    'do not count as work what waits for its turn: %s',
    async (onFailure) => {
      const { own, queue, points, until } = ground();
      let release!: () => void;
      const released = new Promise<void>((done) => (release = done));
      await own.start({
        ordered: { key: () => 'k', onFailure },
        handle: (_, n) => (n === 1 ? released : null),
      });
      await own.publish('m-1', 'm-2');
      await until('acme.rabbitmq.in_flight', 2);
      const since = performance.now();
      await waitFor(() => performance.now() - since >= 300);
      release();
      await until('acme.rabbitmq.settled', 2);
      const [duration] = await points('messaging.process.duration', queue);
      // Of the first alone; both together would be twice as long.
      expect(duration!.value).toBe(2);
      expect(duration!.sum! * 1_000).toBeGreaterThan(299);
      expect(duration!.sum! * 1_000).toBeLessThan(2 * 300);
    },
  );

  it('do not count as work the pause before a message is tried again in its lane', async () => {
    const { own, queue, points, until } = ground();
    await own.start({
      ordered: { key: () => 'k' },
      module: { retry: { ...retry, initial: 300, max: 300 } },
      handle: (_, n) => {
        if (n === 1) throw new Error('once');
      },
    });
    await own.publish('m-1');
    await until('acme.rabbitmq.settled', 1);
    const [duration] = await points('messaging.process.duration', queue);
    expect(duration!.sum! * 1_000).toBeLessThan(300);
    const [attempts] = await points('acme.rabbitmq.attempts', queue);
    expect(attempts).toMatchObject({ value: 1, sum: 2 });
  });

  it('count what a shutdown has cut off', async () => {
    const { own, until, valueOf } = ground();
    let release!: () => void;
    const released = new Promise<void>((done) => (release = done));
    const consumer = await own.start({ module: { drainTimeout: 50 }, handle: () => released });
    await own.publish('m-1', 'm-2');
    await until('acme.rabbitmq.in_flight', 2);
    await consumer.close();
    expect(await valueOf('acme.rabbitmq.abandoned')).toBe(2);
    release();
    // Their channel is closed: the broker delivers them again.
    await until('acme.rabbitmq.settled', 2);
  });
});
