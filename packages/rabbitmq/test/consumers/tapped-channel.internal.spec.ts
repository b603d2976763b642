import { Logger } from '@nestjs/common';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Consumers } from '../../src/consumers/consumers.js';
import type { ConsumingChannelLike } from '../../src/consumers/consuming-channel-like.js';
import { delivery, FakeChannel, fakeClient as client } from '../support/fake-channel.internal.js';

afterEach(() => vi.restoreAllMocks());

async function setUp() {
  const fake = new FakeChannel();
  const channel = fake as unknown as ConsumingChannelLike;
  const consumers = new Consumers();
  consumers.tap(channel, client);
  const handled: unknown[] = [];
  await channel.consume('orders', (one) => handled.push(one));
  const deliver = (...tags: number[]): void =>
    tags.forEach((tag) => fake.consumers.get('tag-1')!(delivery(tag)));
  const open = (): number[] => consumers.unsettled().map((one) => one.delivery.fields.deliveryTag);
  return { fake, channel, client, consumers, handled, deliver, open };
}

describe('what is unsettled on a channel', () => {
  it.each<[string, (channel: ConsumingChannelLike) => void, number[]]>([
    ['one is acked', (channel) => channel.ack(delivery(2)), [1, 3]],
    ['all up to one are acked', (channel) => channel.ack(delivery(2), true), [3]],
    ['one is nacked', (channel) => channel.nack(delivery(1), false, true), [2, 3]],
    ['all up to one are nacked', (channel) => channel.nack(delivery(3), true), []],
    ['one is rejected', (channel) => channel.reject(delivery(3), false), [1, 2]],
    ['all are acked', (channel) => channel.ackAll(), []],
    ['all are nacked', (channel) => channel.nackAll(false), []],
  ])('is what is left when %s, and the broker is told the same', async (_, settle, left) => {
    const { fake, channel, deliver, open } = await setUp();
    deliver(1, 2, 3);
    settle(channel);
    expect(open()).toEqual(left);
    expect(fake.said).toHaveLength(1);
  });

  it.each<[string, (channel: ConsumingChannelLike, one: unknown) => void]>([
    ['acked', (channel, one) => channel.ack(one)],
    ['nacked', (channel, one) => channel.nack(one)],
    ['rejected', (channel, one) => channel.reject(one)],
  ])('is told to the broker once, although it is %s twice', async (_, settle) => {
    const warn = vi.spyOn(Logger.prototype, 'warn').mockReturnValue();
    const { fake, channel, deliver, handled, open } = await setUp();
    deliver(1, 2);
    // By hand, with an object of his own.
    channel.ack(delivery(1));
    settle(channel, handled[0]);
    expect(fake.said).toHaveLength(1);
    expect(open()).toEqual([2]);
    expect(warn).toHaveBeenCalledExactlyOnceWith(
      expect.stringMatching(/^Delivery 1 of "orders" was acked already, and settled once more: /),
    );
  });

  it('is told to the broker once where somebody comes late with its number, and that is said once', async () => {
    const warn = vi.spyOn(Logger.prototype, 'warn').mockReturnValue();
    const { fake, channel, deliver, handled } = await setUp();
    deliver(1, 2);
    channel.ack(handled[0]);
    channel.ack(handled[1]);
    channel.ack(delivery(1));
    channel.ack(delivery(2));
    expect(fake.said).toHaveLength(2);
    expect(warn).toHaveBeenCalledExactlyOnceWith(
      expect.stringMatching(/^Delivery 1 was settled already, and settled once more/),
    );
  });

  it('leaves alone what is fetched one by one', async () => {
    const fake = Object.assign(new FakeChannel(), { get: () => delivery(7) });
    const channel = fake as unknown as ConsumingChannelLike;
    new Consumers().tap(channel, client);
    channel.ack(channel.get!('orders'));
    expect(fake.said).toEqual([['ack', delivery(7), undefined]]);
  });

  it('is told with all before it, whatever is known of those', async () => {
    const { fake, channel, deliver, handled } = await setUp();
    deliver(1, 2);
    channel.ack(handled[1]);
    channel.ack(handled[1], true);
    expect(fake.said).toHaveLength(2);
  });

  it('is not told on a channel that has not delivered it: its number is another message’s there', async () => {
    const warn = vi.spyOn(Logger.prototype, 'warn').mockReturnValue();
    const { fake, consumers, deliver, handled } = await setUp();
    deliver(1);
    fake.emit('close');
    const next = new FakeChannel();
    const channel = next as unknown as ConsumingChannelLike;
    consumers.tap(channel, client);
    await channel.consume('orders', () => {});
    next.consumers.get('tag-1')!(delivery(1));
    channel.ack(handled[0]);
    expect(next.said).toEqual([]);
    expect(consumers.unsettled()).toHaveLength(1);
    expect(warn).toHaveBeenCalledExactlyOnceWith(
      expect.stringContaining('was settled on a channel that has not delivered it'),
    );
  });

  it('is told to a channel that is closed, which says so itself', async () => {
    const { fake, channel, deliver, handled } = await setUp();
    deliver(1);
    fake.emit('close');
    fake.isOpen = false;
    expect(() => channel.ack(handled[0])).toThrow('Channel closed');
  });

  it('stays unsettled where the broker could not be told', async () => {
    const { fake, channel, deliver, open } = await setUp();
    deliver(1);
    fake.isOpen = false;
    expect(() => channel.ack(delivery(1))).toThrow('Channel closed');
    expect(open()).toEqual([1]);
    fake.emit('close');
    expect(open()).toEqual([]);
  });

  it('does not count consumers without acknowledgements, nor end them', async () => {
    const { fake, channel, consumers, open } = await setUp();
    await channel.consume('amq.rabbitmq.reply-to', () => {}, { noAck: true });
    fake.consumers.get('tag-2')!(delivery(9));
    expect(open()).toEqual([]);
    await Promise.all(consumers.channelsOf().map((one) => one.endConsumers(() => true)));
    expect(fake.said).toEqual([['cancel', 'tag-1']]);
  });
});

describe('a channel whose consumers were ended', () => {
  it('gives back what still comes, and lets no consumer start', async () => {
    const { fake, channel, consumers, deliver, handled, open } = await setUp();
    await Promise.all(consumers.channelsOf().map((one) => one.endConsumers(() => true)));
    deliver(1);
    expect(handled).toEqual([]);
    expect(open()).toEqual([]);
    expect(fake.said.at(-1)).toEqual(['nack', delivery(1), false, true]);
    await channel.consume('others', () => {});
    expect([...fake.consumers.keys()]).toEqual(['tag-1']);
  });

  it('leaves to the end of the channel what comes to a consumer that ends with it', async () => {
    const { fake, consumers, deliver, handled, open } = await setUp();
    await Promise.all(consumers.channelsOf().map((one) => one.endConsumers(() => false)));
    deliver(1);
    expect([handled, open(), fake.said]).toEqual([[], [], []]);
  });

  it('is so from the beginning where its client shuts down already', async () => {
    const { client, consumers } = await setUp();
    consumers.end(client);
    const late = new FakeChannel();
    consumers.tap(late as never, client);
    await (late as unknown as ConsumingChannelLike).consume('orders', () => {});
    expect([...late.consumers.keys()]).toEqual([]);
  });

  it('ends one that is about to start, too', async () => {
    const { fake, channel, consumers } = await setUp();
    const starting = channel.consume('others', () => {});
    await Promise.all(consumers.channelsOf().map((one) => one.endConsumers(() => true)));
    await starting;
    expect(fake.said).toEqual([
      ['cancel', 'tag-1'],
      ['cancel', 'tag-2'],
    ]);
  });
});

describe('a queue that is to be consumed', () => {
  it('is detached from when its consumer was ended by the broker until it has one again', async () => {
    const { fake, consumers } = await setUp();
    const cancelled = vi.fn<() => void>();
    consumers.onCancelled = cancelled;
    expect(consumers.queues).toMatchObject([{ queue: 'orders', detachedSince: undefined }]);
    fake.consumers.get('tag-1')!(null);
    expect(cancelled).toHaveBeenCalledTimes(1);
    expect(consumers.queues[0]!.detachedSince).toBeGreaterThan(0);
    const [consumer] = consumers;
    await consumer!.again();
    expect(consumers.queues[0]!.detachedSince).toBeUndefined();
  });

  it('is detached while its channel is closed, or could not be consumed', async () => {
    const { fake, client, consumers } = await setUp();
    fake.emit('close');
    expect(consumers.queues[0]!.detachedSince).toBeGreaterThan(0);
    const next = new FakeChannel();
    next.refuses = new Error('404');
    consumers.tap(next as never, client);
    // Nobody waits for it, as with stock Nest: no unhandled rejection.
    void (next as unknown as ConsumingChannelLike).consume('orders', () => {});
    await new Promise((done) => setImmediate(done));
    expect([...consumers]).toEqual([]);
    expect(consumers.queues).toMatchObject([{ queue: 'orders' }]);
    expect(consumers.queues[0]!.detachedSince).toBeGreaterThan(0);
  });

  it('is forgotten with its connection where the server has named it', async () => {
    const { fake, channel, consumers } = await setUp();
    await channel.consume('amq.gen-1', () => {});
    fake.emit('close');
    expect(consumers.queues.map(({ queue }) => queue)).toEqual(['orders']);
  });

  it('is forgotten when the application has ended its consumer', async () => {
    const { channel, consumers } = await setUp();
    await channel.cancel('tag-1');
    expect(consumers.queues).toEqual([]);
  });

  it('has its prefetch again where another one was given another since, both started again at once', async () => {
    const { fake, channel, consumers } = await setUp();
    await channel.prefetch(5);
    await channel.consume('five', () => {});
    await channel.prefetch(7);
    await channel.consume('seven', () => {});
    fake.said.length = 0;
    fake.tellsOfConsuming = true;
    const [, five, seven] = consumers;
    await Promise.all([five!.again(), seven!.again()]);
    expect(fake.said).toEqual([
      ['prefetch', 5],
      ['consume', 'five'],
      ['prefetch', 7],
      ['consume', 'seven'],
    ]);
  });
});
