import { createHash } from 'node:crypto';
import { declareQueue, takeAll, testBroker, type TestBroker } from '@acme/internal-testing';
import { DeadLetters, QueueUnavailableError } from '@acme/nest-rabbitmq';
import { connect } from 'amqplib';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  countsWhatIsGivenBack,
  depth,
  failedIn,
  holds,
  park,
  parkedQueue,
  QUEUE_KINDS,
  unchanged,
  type Parked,
} from '../support/parked.js';

let broker: TestBroker;
let desk: DeadLetters;
beforeAll(async () => {
  broker = await testBroker();
  desk = new DeadLetters({ connect: () => connect(broker.url) });
});

/** One of each kind, with what is hard to keep. */
const messages = (origin: string): Parked[] => [
  { body: '{"id":1}', properties: { messageId: 'm-1', type: 'placed', headers: failedIn(origin) } },
  {
    body: Buffer.from([0xff, 0x00, 0xfe]),
    properties: {
      messageId: 'm-2',
      contentType: 'application/x-protobuf',
      // What one without a priority has: from 4.3 on a quorum queue goes by it.
      priority: 4,
      timestamp: 1_700_000_000,
      headers: {
        bytes: Buffer.from([1, 2, 0xff]),
        when: { '!': 'timestamp', value: 1_700_000_000 },
        deep: { list: [1, 'two', null, { three: true }] },
        ...failedIn(origin, {
          'x-error-fingerprint': 'bbbbbbbbbbbbbbbb',
          'x-error-code': 'ORDER_WITHOUT_ID',
          'x-error-message': 'no id',
          'x-redrive-count': 2,
          'x-last-failed-at': '2026-11-03T00:00:00.000Z',
        }),
      },
    },
  },
  { body: 'by hand', properties: {} },
  { body: '{"id":4}', properties: { messageId: 'm-4', type: 'placed', headers: failedIn(origin) } },
];

describe.each(QUEUE_KINDS)('a dead-letter queue that is %s', (label, args) => {
  const name = `look.${label.replaceAll(' ', '-')}`;

  it('is listed, peeked into and grouped, and has all messages afterwards, as they were and in their order', async () => {
    const origin = broker.name(`${name}.orders`);
    const queue = await parkedQueue(broker, name, messages(origin), args);
    const before = await parkedQueue(broker, `${name}.twin`, messages(origin), args);
    const [list, peek, groups] = [
      await desk.list(queue),
      await desk.peek(queue, { limit: 4 }),
      await desk.groups(queue),
    ];
    const seen = { queue, ready: 4, consumers: 0, looked: 4, left: 0 };

    expect(list).toMatchObject({ ...seen, more: 0 });
    expect(list.messages).toMatchObject([
      {
        position: 1,
        messageId: 'm-1',
        type: 'placed',
        origin: { queue: origin, exchange: 'events', routingKey: 'placed' },
        code: 'RETRIES_EXHAUSTED',
        errorName: 'Error',
        errorMessage: 'the database is away',
        service: 'tests',
        attempt: 5,
        firstFailedAt: Date.UTC(2026, 10, 1),
        lastFailedAt: Date.UTC(2026, 10, 2),
        redriveCount: 0,
        size: 8,
      },
      { position: 2, messageId: 'm-2', type: undefined, redriveCount: 2, size: 3 },
      { position: 3, messageId: undefined, origin: undefined, code: 'UNKNOWN', size: 7 },
      { position: 4, messageId: 'm-4' },
    ]);

    expect(peek).toMatchObject({ ...seen, more: false });
    expect(peek.messages).toMatchObject([
      { body: '{"id":1}', bodyEncoding: 'utf8', exchange: '', routingKey: queue },
      {
        body: '/wD+',
        bodyEncoding: 'base64',
        properties: {
          contentType: 'application/x-protobuf',
          headers: { bytes: Buffer.from([1, 2, 0xff]), deep: { list: [1, 'two', null, {}] } },
        },
      },
      { body: 'by hand' },
      { position: 4 },
    ]);

    expect(groups).toMatchObject({ ...seen, ungrouped: 0 });
    expect(groups.groups).toMatchObject([
      {
        fingerprint: 'aaaaaaaaaaaaaaaa',
        count: 2,
        code: 'RETRIES_EXHAUSTED',
        errorMessage: 'the database is away',
        queues: { [origin]: 2 },
        redriven: 0,
        sample: { messageId: 'm-1' },
      },
      {
        fingerprint: 'bbbbbbbbbbbbbbbb',
        count: 1,
        code: 'ORDER_WITHOUT_ID',
        lastFailedAt: Date.UTC(2026, 10, 3),
        redriven: 1,
      },
      { code: 'UNKNOWN', count: 1, queues: {} },
    ]);

    await expect(depth(broker, queue)).resolves.toBe(4);
    const after = (await takeAll(broker, queue)).map(unchanged);
    expect(after).toEqual((await takeAll(broker, before)).map(unchanged));
  });

  it('shows the same to one look after the other, and to two at once each message once', async () => {
    const bodies = Array.from({ length: 30 }, (_, n) => ({ body: `${n}` }));
    const queue = await parkedQueue(broker, `${name}.again`, bodies, args);
    for (let look = 0; look < 5; look += 1)
      await expect(desk.list(queue)).resolves.toMatchObject({ ready: 30, looked: 30, left: 0 });
    const both = await Promise.all([desk.list(queue), desk.list(queue)]);
    expect(both[0].looked + both[1].looked).toBeGreaterThanOrEqual(30);
    await holds(broker, queue, 30);
    const after = await takeAll(broker, queue);
    expect(new Set(after.map(({ content }) => content.toString())).size).toBe(30);
    expect(after).toHaveLength(30);
  });

  it('is looked at as far as is asked for, which is said', async () => {
    const bodies = Array.from({ length: 10 }, (_, n) => ({ body: `${n}` }));
    const queue = await parkedQueue(broker, `${name}.part`, bodies, args);
    const list = await desk.list(queue, { scan: 4, limit: 3 });
    expect(list).toMatchObject({ ready: 10, looked: 4, left: 6, more: 1 });
    expect(list.messages.map(({ position }) => position)).toEqual([1, 2, 3]);
    await expect(desk.peek(queue, { limit: 2 })).resolves.toMatchObject({
      looked: 2,
      left: 8,
      more: true,
      messages: [{ body: '0' }, { body: '1' }],
    });
    await expect(desk.groups(queue, { scan: 7 })).resolves.toMatchObject({
      looked: 7,
      left: 3,
      groups: [{ count: 7 }],
    });
    const after = (await takeAll(broker, queue)).map(({ content }) => content.toString());
    // A quorum queue puts what comes back behind all else that has come back, and before what was never taken.
    const rotated = ['4', '5', '6', '7', '8', '9'];
    expect(after.slice(-3)).toEqual(rotated.slice(-3));
    expect(after.toSorted()).toEqual(bodies.map(({ body }) => body));
  });

  it('keeps the order of all that it looks at', async () => {
    const bodies = Array.from({ length: 1_500 }, (_, n) => ({ body: `${n}` }));
    const queue = await parkedQueue(broker, `${name}.order`, bodies, args);
    await desk.groups(queue);
    await expect(desk.list(queue, { limit: 1 })).resolves.toMatchObject({ looked: 1_500 });
    let exported = 0;
    // By several subscriptions.
    for await (const { body } of desk.export(queue)) expect(body).toBe(`${exported++}`);
    await expect(desk.list(queue)).resolves.toMatchObject({ ready: 1_500 });
    const after = (await takeAll(broker, queue)).map(({ content }) => content.toString());
    expect(after).toEqual(bodies.map(({ body }) => body));
  });

  it('counts a look as a delivery where it counts, and says so', async () => {
    const queue = await parkedQueue(broker, `${name}.worn`, [{ body: 'x' }], args);
    const counts = [];
    for (let look = 0; look < 3; look += 1)
      counts.push((await desk.list(queue)).messages[0]?.deliveryCount);
    const isCounted = label !== 'classic' && countsWhatIsGivenBack(broker);
    expect(counts).toEqual(isCounted ? [undefined, 1, 2] : [undefined, undefined, undefined]);
  });
});

it('wears messages out where the queue has a low limit, which ours have not', async () => {
  const args = { 'x-queue-type': 'quorum', 'x-delivery-limit': 2 };
  const queue = await parkedQueue(broker, 'look.low', [{ body: 'x' }], args);
  for (let look = 0; look < 3; look += 1)
    await expect(desk.list(queue)).resolves.toMatchObject({ looked: 1 });
  await expect(depth(broker, queue)).resolves.toBe(countsWhatIsGivenBack(broker) ? 0 : 1);
});

it('filters what it shows', async () => {
  const origin = broker.name('look.filtered');
  const queue = await parkedQueue(broker, 'look.filtered', messages(origin));
  const shown = async (filter: object) =>
    (await desk.list(queue, { filter })).messages.map(({ position }) => position);
  await expect(shown({ fingerprint: 'aaaaaaaaaaaaaaaa' })).resolves.toEqual([1, 4]);
  await expect(shown({ code: ['UNKNOWN', 'ORDER_WITHOUT_ID'] })).resolves.toEqual([2, 3]);
  await expect(shown({ where: ({ size }: { size: number }) => size === 7 })).resolves.toEqual([3]);
  await expect(desk.peek(queue, { filter: { messageId: 'm-4' } })).resolves.toMatchObject({
    looked: 4,
    messages: [{ position: 4 }],
  });
});

it('tells of a consumer', async () => {
  const queue = await parkedQueue(broker, 'look.consumed', []);
  const channel = await broker.channel();
  await channel.consume(queue, () => {});
  await expect(desk.list(queue)).resolves.toMatchObject({ ready: 0, consumers: 1, messages: [] });
  await channel.close();
});

it('ends although messages come in while it looks', async () => {
  const queue = await parkedQueue(
    broker,
    'look.growing',
    Array.from({ length: 20 }, () => ({ body: 'old' })),
  );
  let came = 0;
  const where = (): boolean => {
    came += 1;
    void park(broker, queue, [{ body: 'new' }]);
    return true;
  };
  const list = await desk.list(queue, { filter: { where } });
  expect(list).toMatchObject({ ready: 20, looked: 20 });
  expect(came).toBe(20);
});

describe('what cannot be looked into is said, with the remedy', () => {
  it.each([['a stream', { 'x-queue-type': 'stream' }, /it is a stream.*x-stream-offset/]])(
    '%s',
    async (label, args, message) => {
      const name = `look.${createHash('sha256').update(label).digest('hex').slice(0, 6)}`;
      const queue = await declareQueue(broker, name, { arguments: args });
      await park(broker, queue, [{ body: 'x' }]);
      const looked = desk.list(queue);
      await expect(looked).rejects.toBeInstanceOf(QueueUnavailableError);
      await expect(looked).rejects.toThrow(message);
      await expect(desk.redrive(queue)).rejects.toBeInstanceOf(QueueUnavailableError);
    },
  );

  it.each(['quorum', 'classic'])(
    'a %s queue whose single active consumer is another one; without that one it is looked into',
    async (type) => {
      const args = { 'x-queue-type': type, 'x-single-active-consumer': true };
      const name = `look.single.${type}`;
      const empty = await declareQueue(broker, `${name}.empty`, { arguments: args });
      await expect(desk.list(empty)).resolves.toMatchObject({ ready: 0, looked: 0 });
      const queue = await parkedQueue(broker, name, [{ body: '1' }, { body: '2' }], args);
      await expect(desk.list(queue)).resolves.toMatchObject({ looked: 2 });
      const channel = await broker.channel();
      await channel.prefetch(1);
      await channel.consume(queue, () => {});
      const hasty = new DeadLetters({ connect: () => connect(broker.url), timeout: 500 });
      await expect(hasty.list(queue)).rejects.toThrow(/has messages and gives none of them/);
      await channel.close();
    },
  );

  it('a queue that a consumer has exclusively', async () => {
    const queue = await parkedQueue(broker, 'look.exclusive', [{ body: '1' }]);
    const channel = await broker.channel();
    await channel.prefetch(0);
    await park(broker, queue, [{ body: '2' }]);
    await channel.consume(queue, () => {}, { exclusive: true });
    await park(broker, queue, [{ body: '3' }]);
    await channel.close();
    await expect(desk.list(queue)).resolves.toMatchObject({ looked: 3 });
  });

  it('a queue that is deleted meanwhile', async () => {
    const queue = await parkedQueue(broker, 'look.deleted', [{ body: '1' }]);
    const channel = await broker.channel();
    const lines = desk.export(queue);
    await lines.next();
    await channel.deleteQueue(queue);
    await expect(lines.next()).rejects.toBeInstanceOf(QueueUnavailableError);
    await channel.close();
  });

  it('a queue that is not there', async () => {
    await expect(desk.list(broker.name('look.nowhere'))).rejects.toThrow(
      /There is no queue .*look\.nowhere.*virtual host/,
    );
  });
});
