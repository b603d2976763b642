// The connection of retries and parked messages fails while the one that consumes works on.
import {
  tcpProxy,
  testBroker,
  waitFor,
  type TcpProxy,
  type TestBroker,
} from '@acme/internal-testing';
import { connect, type ChannelModel } from 'amqplib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CONSUMERS, type Consumer } from './support/consumers.js';

const MESSAGES = 20;
const PREFETCH = 10;
/** Of deliveries; what is given back at once comes hundreds of times. */
const MOST_PER_SECOND = 2 * PREFETCH;
const ids = Array.from({ length: MESSAGES }, (_, index) => `m-${index}`);

let broker: TestBroker;
beforeAll(async () => {
  broker = await testBroker();
});

const unhandled: unknown[] = [];
const onUnhandled = (error: unknown): void => void unhandled.push(error);
beforeAll(() => void process.on('unhandledRejection', onUnhandled));
afterAll(() => void process.off('unhandledRejection', onUnhandled));

const consumes = (queue: string) =>
  waitFor(async () => (await broker.queue(queue))?.consumers === 1, { what: 'a consumer' });

describe.each(CONSUMERS)('an outage of the connection for retries, behind %s', (kind, open) => {
  /** A consumer whose messages fail until they come from a wait queue. */
  const scene = async (title: string, { isBoth = false } = {}) => {
    const name = `${kind.replaceAll(' ', '-')}.${title}`;
    const queue = broker.name(name);
    const [wait, dead] = [broker.name(`${name}.retry.50`), broker.name(`${name}.dlq`)];
    const exchange = broker.name(`${name}.events`);
    const proxy: TcpProxy = await tcpProxy(broker.url);
    const connections: ChannelModel[] = [];
    const succeeded: unknown[] = [];
    const consumer: Consumer = await open({
      broker: isBoth ? { ...broker, url: proxy.url } : broker,
      queue,
      exchange,
      prefetch: PREFETCH,
      // Beyond it the broker drops a message: giving it back over and over is no way to keep it.
      queueArguments: { 'x-delivery-limit': 1 },
      module: {
        connect: async () => {
          const connection = await connect(proxy.url);
          connections.push(connection);
          return connection;
        },
        publishTimeout: '500ms',
        retry: { attempts: 3, backoff: 'fixed', initial: 50, jitter: false },
      },
      handle: ({ message: { headers, messageId } }) => {
        if (headers.getNumber('x-attempt') === undefined) throw new Error('not now');
        succeeded.push(messageId);
      },
    });
    await consumes(queue);
    const depth = async (of: string) => (await broker.queue(of))?.messages ?? 0;
    const publish = async (messageIds: readonly string[]) => {
      const channel = await broker.confirmChannel();
      for (const messageId of messageIds)
        channel.publish(exchange, 'placed', Buffer.from('{}'), { type: 'placed', messageId });
      await channel.waitForConfirms();
      await channel.close();
    };
    return { proxy, connections, consumer, succeeded, queue, wait, dead, depth, publish };
  };
  type Scene = Awaited<ReturnType<typeof scene>>;

  /** Publishes all into the outage, which lasts until something has happened. */
  const suffer = async ({ consumer, publish }: Scene, isLongEnough: () => boolean) => {
    const before = consumer.handled.length;
    const start = performance.now();
    await publish(ids);
    await waitFor(() => consumer.handled.length - before >= PREFETCH, { what: 'failures' });
    await waitFor(isLongEnough, { deadlineMs: 30_000, what: 'a long outage' });
    const seconds = (performance.now() - start) / 1_000;
    const most = PREFETCH + MOST_PER_SECOND * seconds;
    expect(consumer.handled.length - before).toBeLessThanOrEqual(most);
  };

  /** Messages that the outage was told of. */
  const held = ({ consumer }: Scene) =>
    consumer.log.messages('error').filter((text) => text.includes('The message is held here'));

  /** Waits for the success of all, and tells what is left then. */
  const ended = async ({ consumer, succeeded, queue, wait, dead, depth }: Scene) => {
    await waitFor(() => new Set(succeeded).size >= MESSAGES, {
      deadlineMs: 30_000,
      what: 'the success of all',
    });
    // On their way from one queue to the other, copies are in neither: quiet for longer than a pause, there are none any more.
    let handled = -1;
    let quietSince = 0;
    await waitFor(async () => {
      const isQuiet =
        (await depth(queue)) + (await depth(wait)) === 0 && handled === consumer.handled.length;
      if (!isQuiet) quietSince = performance.now();
      handled = consumer.handled.length;
      return performance.now() - quietSince > 500;
    });
    await consumer.close();
    return {
      left: (await depth(queue)) + (await depth(wait)),
      parked: await depth(dead),
      unhandled: unhandled.splice(0),
    };
  };
  const NOTHING = { left: 0, parked: 0, unhandled: [] };

  it('that cannot be opened keeps every message where it is, and its attempts', async () => {
    const it = await scene('down');
    const { proxy, consumer, succeeded } = it;
    proxy.down();
    const { accepted } = proxy;
    await suffer(it, () => proxy.accepted >= accepted + 4);
    expect(consumer.handled).toHaveLength(PREFETCH);
    proxy.restore();
    await expect(ended(it)).resolves.toEqual(NOTHING);
    expect(succeeded.toSorted()).toEqual(ids.toSorted());
    expect(new Set(consumer.handled.map(({ message }) => message.attempt))).toEqual(
      new Set([1, 2]),
    );
  });

  it('that answers nothing any more keeps every message, and brings each back', async () => {
    const it = await scene('half-open');
    const { proxy } = it;
    proxy.halfOpen();
    await suffer(it, () => held(it).length >= PREFETCH);
    proxy.restore();
    await expect(ended(it)).resolves.toEqual(NOTHING);
  });

  it('whose confirms are missing loses nothing, and what is sent again comes again', async () => {
    const it = await scene('no-confirms');
    const { proxy, succeeded, publish } = it;
    // From here on the wait queue is known.
    await publish(['m-0']);
    await waitFor(() => succeeded.length === 1);
    proxy.halfOpen('replies');
    await suffer(it, () => held(it).length >= PREFETCH);
    proxy.restore();
    // The first, and those of which nobody knew whether they had arrived: each is sent once more, at least.
    await waitFor(() => succeeded.length >= 1 + MESSAGES + PREFETCH, { deadlineMs: 30_000 });
    await expect(ended(it)).resolves.toEqual(NOTHING);
    expect(new Set(succeeded)).toEqual(new Set(ids));
    expect(succeeded.length).toBeLessThanOrEqual(MESSAGES + 1 + 2 * PREFETCH);
  });

  it('that takes the consumer along loses nothing, and what was in work may come twice', async () => {
    const it = await scene('both', { isBoth: true });
    const { proxy, succeeded, consumer, queue } = it;
    // What is held is tried again, and comes again besides: it cannot be seen from here that its channel has gone.
    proxy.halfOpen('requests');
    await suffer(it, () => held(it).length >= PREFETCH);
    proxy.down();
    proxy.restore();
    await consumes(queue);
    await expect(ended(it)).resolves.toEqual(NOTHING);
    expect(new Set(succeeded)).toEqual(new Set(ids));
    expect(succeeded.length).toBeLessThanOrEqual(MESSAGES + PREFETCH);
    expect(consumer.handled.length).toBeLessThanOrEqual(2 * (MESSAGES + PREFETCH));
  });

  it('that the broker blocks sends nothing, and each once when it goes on', async () => {
    const it = await scene('blocked');
    const { connections, consumer, succeeded, publish } = it;
    await publish(['m-0']);
    await waitFor(() => succeeded.length === 1);
    succeeded.length = 0;
    // As a broker says it whose memory or disk runs out; those that only consume are not told.
    connections[0]?.emit('blocked', 'low on memory');
    const saysWhy = (text: string) => text.includes('has blocked publishing (low on memory)');
    const before = consumer.handled.length;
    await suffer(it, () => held(it).filter(saysWhy).length >= PREFETCH);
    expect(consumer.handled.length - before).toBe(PREFETCH);
    expect(succeeded).toEqual([]);
    connections[0]?.emit('unblocked');
    await expect(ended(it)).resolves.toEqual(NOTHING);
    expect(succeeded.toSorted()).toEqual(ids.toSorted());
  });
});
