import { describe, expect, it } from 'vitest';
import { Consumers } from '../../src/consumers/consumers.js';
import type { ConsumingChannelLike } from '../../src/consumers/consuming-channel-like.js';
import { loadsOf } from '../../src/consumers/queue-loads.js';
import { delivery, FakeChannel, fakeClient as client } from '../support/fake-channel.internal.js';

async function setUp(prefetch?: number) {
  const fake = new FakeChannel();
  const channel = fake as unknown as ConsumingChannelLike;
  const consumers = new Consumers();
  const told: unknown[][] = [];
  consumers.watchedBy = {
    watch: ({ fields: { deliveryTag } }, queue) => ({
      within: (deliver) => {
        told.push(['in', queue, deliveryTag]);
        deliver();
        told.push(['out']);
      },
      settling: (word) => void told.push(['settling', word, deliveryTag, fake.said.length]),
      settled: (word) => void told.push(['settled', word, deliveryTag, fake.said.length]),
    }),
    lost: (queue, reason) => void told.push(['lost', queue, reason]),
    back: (queue) => void told.push(['back', queue]),
  };
  consumers.tap(channel, client, prefetch);
  const consume = (queue = 'orders', tag = 'tag-1') =>
    channel.consume(queue, () => told.push(['handled']), { consumerTag: tag });
  await consume();
  const deliver = (...tags: number[]): void =>
    tags.forEach((tag) => fake.consumers.get('tag-1')!(delivery(tag)));
  return { fake, channel, client, consumers, told, deliver, consume };
}

describe('whoever watches a delivery', () => {
  it('has it handed over within', async () => {
    const { told, deliver } = await setUp();
    deliver(1);
    expect(told).toEqual([['in', 'orders', 1], ['handled'], ['out']]);
  });

  it.each<[string, (channel: ConsumingChannelLike) => void, string, number[]]>([
    ['acked', (channel) => channel.ack(delivery(2)), 'acked', [2]],
    ['acked with all before', (channel) => channel.ack(delivery(2), true), 'acked', [1, 2]],
    ['nacked', (channel) => channel.nack(delivery(1)), 'requeued', [1]],
    ['nacked for good', (channel) => channel.nack(delivery(1), false, false), 'rejected', [1]],
    ['rejected', (channel) => channel.reject(delivery(1), false), 'rejected', [1]],
    ['rejected, back to its queue', (channel) => channel.reject(delivery(1)), 'requeued', [1]],
    ['acked with all', (channel) => channel.ackAll(), 'acked', [1, 2, 3]],
    ['nacked with all', (channel) => channel.nackAll(), 'requeued', [1, 2, 3]],
    ['nacked for good with all', (channel) => channel.nackAll(false), 'rejected', [1, 2, 3]],
  ])('hears before and after the broker that it is %s', async (_, settle, word, tags) => {
    const { channel, told, deliver } = await setUp();
    deliver(1, 2, 3);
    told.length = 0;
    settle(channel);
    expect(told).toEqual([
      ...tags.map((tag) => ['settling', word, tag, 0]),
      ...tags.toReversed().map((tag) => ['settled', word, tag, 1]),
    ]);
  });

  it('hears that it is lost where the broker could not be told', async () => {
    const { fake, channel, told, deliver } = await setUp();
    deliver(1);
    told.length = 0;
    fake.isOpen = false;
    expect(() => channel.ack(delivery(1))).toThrow('Channel closed');
    fake.emit('close');
    expect(told.filter(([what]) => what === 'settled')).toEqual([['settled', 'lost', 1, 0]]);
    expect(told.at(-1)).toEqual(['lost', 'orders', 'connection_lost']);
  });
});

describe('whoever watches consumers', () => {
  it('hears that one was ended by the broker, and that it is back', async () => {
    const { fake, consumers, told } = await setUp();
    fake.consumers.get('tag-1')!(null);
    const [consumer] = consumers;
    await consumer!.again();
    expect(told.filter(([what]) => what !== 'handled')).toEqual([
      ['lost', 'orders', 'cancelled'],
      ['back', 'orders'],
    ]);
  });

  it('hears nothing of those that start, and of those that a shutdown ends', async () => {
    const { fake, client, consumers, told } = await setUp();
    consumers.end(client);
    fake.emit('close');
    expect(told).toEqual([]);
  });
});

describe('the load of a queue', () => {
  it('is that of all its consumers together', async () => {
    const { channel, consumers, consume, deliver } = await setUp(4);
    await consume('orders', 'tag-2');
    await consume('others', 'tag-3');
    deliver(1, 2, 3);
    channel.ack(delivery(2));
    const loads = loadsOf(consumers);
    expect(loads.get('orders')).toMatchObject({
      attached: 2,
      inFlight: 2,
      prefetch: 8,
      settled: 1,
      oldestSince: consumers.unsettled()[0]!.since,
    });
    expect(loads.get('others')).toMatchObject({ attached: 1, inFlight: 0, prefetch: 4 });
  });

  it('has no limit where one of them has none, and no consumer where it has lost it', async () => {
    const { fake, channel, consumers, consume } = await setUp(4);
    await channel.prefetch(0);
    await consume('orders', 'tag-2');
    expect(loadsOf(consumers).get('orders')).toMatchObject({ attached: 2, prefetch: undefined });
    fake.emit('close');
    expect(loadsOf(consumers).get('orders')).toMatchObject({ attached: 0, prefetch: undefined });
  });
});
