import {
  declareQueue,
  takeAll,
  testBroker,
  waitFor,
  type TestBroker,
} from '@acme/internal-testing';
import { DeadLetters, type RedriveOptions } from '@acme/nest-rabbitmq';
import { connect } from 'amqplib';
import { beforeAll, describe, expect, it } from 'vitest';
import { depth, failedIn, holds, park, parkedQueue, QUEUE_KINDS } from '../support/parked.js';

let broker: TestBroker;
let desk: DeadLetters;
beforeAll(async () => {
  broker = await testBroker();
  desk = new DeadLetters({ connect: () => connect(broker.url) });
});

const bodies = (messages: readonly { content: Buffer }[]) =>
  messages.map(({ content }) => content.toString());
const numbered = (count: number, headers: Record<string, unknown>) =>
  Array.from({ length: count }, (_, n) => ({
    body: `${n}`,
    properties: { messageId: `m-${n}`, headers },
  }));

describe.each(QUEUE_KINDS)('from a dead-letter queue that is %s', (label, args) => {
  const name = (x: string) => `redrive.${label.replaceAll(' ', '-')}.${x}`;

  it('brings messages back to the queue that they failed in, in their order, to be tried afresh', async () => {
    const orders = await declareQueue(broker, name('orders'), { arguments: args });
    const headers = failedIn(orders, { 'x-deferrals': 4, 'x-correlation-id': 'c-1' });
    const queue = await parkedQueue(broker, name('orders'), numbered(250, headers), args);
    const before = Date.now();
    const report = await desk.redrive(queue);
    expect(report).toEqual({
      id: expect.stringMatching(/^[\da-f-]{36}$/) as string,
      queue,
      dryRun: false,
      ready: 250,
      looked: 250,
      redriven: 250,
      to: { [orders]: 250 },
      left: { unmatched: 0, cameBack: 0, tooOften: 0, withoutOrigin: 0, failed: 0 },
      failures: [],
      sample: expect.objectContaining({ length: 10 }) as unknown[],
      end: 'done',
    });
    await expect(depth(broker, queue)).resolves.toBe(0);
    const arrived = await takeAll(broker, orders);
    expect(bodies(arrived)).toEqual(numbered(250, {}).map(({ body }) => body));
    const { messageId, deliveryMode, headers: own } = arrived[0]!.properties;
    expect({ messageId, deliveryMode }).toEqual({ messageId: 'm-0', deliveryMode: 2 });
    expect(own).toEqual({
      'x-correlation-id': 'c-1',
      'x-original-queue': orders,
      'x-original-exchange': 'events',
      'x-original-routing-key': 'placed',
      'x-redrive-id': report.id,
      'x-redrive-count': 1,
      'x-redrive-at': expect.any(String) as string,
    });
    expect(Date.parse(own?.['x-redrive-at'] as string)).toBeGreaterThanOrEqual(before);
  });

  it('takes what the filter asks for, and gives all others back', async () => {
    const orders = await declareQueue(broker, name('some'), { arguments: args });
    const messages = numbered(20, {}).map(({ body, properties }, n) => ({
      body,
      properties: {
        ...properties,
        headers: failedIn(orders, { 'x-error-code': n % 2 ? 'ODD' : 'EVEN' }),
      },
    }));
    const queue = await parkedQueue(broker, name('some'), messages, args);
    await expect(desk.redrive(queue, { filter: { code: 'ODD' }, limit: 7 })).resolves.toMatchObject(
      { redriven: 7, looked: 14, left: { unmatched: 7 }, end: 'limit' },
    );
    await expect(desk.redrive(queue, { filter: { code: 'ODD' } })).resolves.toMatchObject({
      redriven: 3,
      left: { unmatched: 10 },
      end: 'done',
    });
    expect(
      bodies(await takeAll(broker, orders))
        .map(Number)
        .every((n) => n % 2 === 1),
    ).toBe(true);
    const left = bodies(await takeAll(broker, queue)).map(Number);
    expect(left.toSorted((one, other) => one - other)).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
  });
});

const classic = { 'x-queue-type': 'classic' };

it('changes nothing in a dry run, and says what would be', async () => {
  const orders = await declareQueue(broker, 'redrive.dry');
  const gone = broker.name('redrive.dry.gone');
  const queue = await parkedQueue(broker, 'redrive.dry', [
    ...numbered(3, failedIn(orders)),
    ...numbered(2, failedIn(gone)),
    { body: 'by hand' },
  ]);
  const report = await desk.redrive(queue, { dryRun: true });
  expect(report).toMatchObject({
    dryRun: true,
    redriven: 3,
    to: { [orders]: 3 },
    left: { withoutOrigin: 1, failed: 2 },
    failures: [{ queue: gone, reason: 'NO_QUEUE', count: 2 }],
    sample: [{ messageId: 'm-0' }, { messageId: 'm-1' }, { messageId: 'm-2' }],
  });
  await expect(depth(broker, orders)).resolves.toBe(0);
  const left = await takeAll(broker, queue);
  expect(bodies(left)).toEqual(['0', '1', '2', '0', '1', 'by hand']);
  expect(left[0]?.properties.headers).toMatchObject(failedIn(orders));
});

it('leaves what has no queue any more, and says so, while others go on', async () => {
  const orders = await declareQueue(broker, 'redrive.missing');
  const gone = broker.name('redrive.missing.gone');
  const headers = (n: number) => failedIn(n % 2 ? gone : orders);
  const messages = numbered(300, {}).map((one, n) => ({
    ...one,
    properties: { ...one.properties, headers: headers(n) },
  }));
  const queue = await parkedQueue(broker, 'redrive.missing', messages);
  const report = await desk.redrive(queue);
  expect(report).toMatchObject({
    redriven: 150,
    to: { [orders]: 150 },
    left: { failed: 150 },
    failures: [
      {
        queue: gone,
        reason: 'NO_QUEUE',
        count: 150,
        message: expect.stringMatching(/no such queue/) as string,
      },
    ],
    end: 'done',
  });
  await expect(depth(broker, orders)).resolves.toBe(150);
  await expect(depth(broker, queue)).resolves.toBe(150);
});

it('leaves what its queue refuses for now', async () => {
  const full = await declareQueue(broker, 'redrive.full', {
    arguments: { ...classic, 'x-max-length': 2, 'x-overflow': 'reject-publish' },
  });
  const queue = await parkedQueue(broker, 'redrive.full', numbered(5, failedIn(full)));
  await expect(desk.redrive(queue)).resolves.toMatchObject({
    redriven: 2,
    failures: [{ queue: full, reason: 'REFUSED', count: 3 }],
  });
  await expect(depth(broker, queue)).resolves.toBe(3);
});

it('leaves what was brought back too often, unless it is forced to', async () => {
  const orders = await declareQueue(broker, 'redrive.often');
  const queue = await parkedQueue(
    broker,
    'redrive.often',
    [0, 1, 2, 3, 4].map((count) => ({
      body: `${count}`,
      properties: { headers: failedIn(orders, { 'x-redrive-count': count }) },
    })),
  );
  const left = { unmatched: 0, cameBack: 0, withoutOrigin: 0, failed: 0 };
  await expect(desk.redrive(queue)).resolves.toMatchObject({
    redriven: 3,
    left: { ...left, tooOften: 2 },
  });
  await expect(desk.redrive(queue, { maxRedrives: 4 })).resolves.toMatchObject({
    redriven: 1,
    left: { ...left, tooOften: 1 },
  });
  await expect(desk.redrive(queue, { force: true })).resolves.toMatchObject({ redriven: 1 });
  const counts = (await takeAll(broker, orders)).map(
    ({ properties }) => (properties.headers as Record<string, unknown>)['x-redrive-count'],
  );
  expect(counts).toEqual([1, 2, 3, 4, 5]);
});

describe('messages without our headers', () => {
  it('that a broker has dead-lettered go back to the queue that gave them up', async () => {
    const queue = await parkedQueue(broker, 'redrive.foreign', []);
    const orders = await declareQueue(broker, 'redrive.foreign', {
      arguments: {
        ...classic,
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': queue,
      },
    });
    const exchange = broker.name('redrive.foreign.events');
    const channel = await broker.confirmChannel();
    await channel.assertExchange(exchange, 'topic');
    await channel.bindQueue(orders, exchange, 'order.*');
    channel.publish(exchange, 'order.placed', Buffer.from('{}'), { messageId: 'm-1' });
    await channel.waitForConfirms();
    const got = await channel.get(orders);
    if (got) channel.reject(got, false);
    await holds(broker, queue, 1);
    await expect(desk.list(queue)).resolves.toMatchObject({
      messages: [
        {
          code: 'BROKER_REJECTED',
          origin: { queue: orders, exchange, routingKey: 'order.placed' },
          lastFailedAt: expect.any(Number) as number,
        },
      ],
    });
    await expect(desk.redrive(queue)).resolves.toMatchObject({ to: { [orders]: 1 } });
    const [back] = await takeAll(broker, orders);
    expect(back?.properties.headers).toEqual({
      'x-original-queue': orders,
      'x-original-exchange': exchange,
      'x-original-routing-key': 'order.placed',
      'x-redrive-id': expect.any(String) as string,
      'x-redrive-count': 1,
      'x-redrive-at': expect.any(String) as string,
    });
    await channel.close();
  });

  it('of which nothing says where they failed go where they are sent to', async () => {
    const orders = await declareQueue(broker, 'redrive.by-hand');
    const queue = await parkedQueue(broker, 'redrive.by-hand', [{ body: 'x' }]);
    await expect(desk.redrive(queue)).resolves.toMatchObject({
      redriven: 0,
      left: { withoutOrigin: 1 },
    });
    await expect(desk.redrive(queue, { to: orders })).resolves.toMatchObject({ redriven: 1 });
    const [back] = await takeAll(broker, orders);
    expect(back?.properties.headers).toMatchObject({ 'x-original-queue': orders });
    expect(back?.properties.messageId).toEqual(expect.any(String));
  });
});

it('brings back what has headers of nearly 64 KiB, and leaves what has no room', async () => {
  const orders = await declareQueue(broker, 'redrive.large');
  const large = (bytes: number) => ({ properties: { headers: { large: 'x'.repeat(bytes) } } });
  const queue = await parkedQueue(broker, 'redrive.large', [large(65_000), large(65_500)]);
  await expect(desk.redrive(queue, { to: orders })).resolves.toMatchObject({
    redriven: 1,
    failures: [{ queue: orders, reason: 'HEADERS_TOO_LARGE', count: 1 }],
  });
  const [back] = await takeAll(broker, orders);
  expect(back?.properties.headers).toMatchObject({
    large: 'x'.repeat(65_000),
    'x-redrive-count': 1,
  });
});

it('keeps to its rate', async () => {
  const orders = await declareQueue(broker, 'redrive.rate');
  const queue = await parkedQueue(broker, 'redrive.rate', numbered(11, failedIn(orders)));
  const since = performance.now();
  await expect(desk.redrive(queue, { rate: 20 })).resolves.toMatchObject({ redriven: 11 });
  expect(performance.now() - since).toBeGreaterThanOrEqual(10 * 50);
});

/** Calls `then` once so many were brought back. */
const after = (count: number, then: () => void): RedriveOptions => ({
  onProgress: ({ done }) => {
    if (done === count) then();
  },
});

it('ends when it is told to, and gives the rest back; what is left is done by the next run', async () => {
  const orders = await declareQueue(broker, 'redrive.stopped');
  const queue = await parkedQueue(broker, 'redrive.stopped', numbered(50, failedIn(orders)));
  const stop = new AbortController();
  const report = await desk.redrive(queue, {
    signal: stop.signal,
    rate: 100,
    ...after(10, () => stop.abort()),
  });
  expect(report).toMatchObject({ end: 'stopped' });
  expect(report.redriven).toBeLessThan(20);
  await expect(depth(broker, orders)).resolves.toBe(report.redriven);
  await expect(depth(broker, queue)).resolves.toBe(50 - report.redriven);
  await expect(desk.redrive(queue, { resume: report.id })).resolves.toMatchObject({
    id: report.id,
    redriven: 50 - report.redriven,
  });
  expect(new Set(bodies(await takeAll(broker, orders))).size).toBe(50);
});

it('brings nothing more back once it is told to end, though it waits for its turn', async () => {
  const orders = await declareQueue(broker, 'redrive.waiting');
  const queue = await parkedQueue(broker, 'redrive.waiting', numbered(3, failedIn(orders)));
  const stop = new AbortController();
  const options = { signal: stop.signal, rate: 0.1, ...after(1, () => stop.abort()) };
  await expect(desk.redrive(queue, options)).resolves.toMatchObject({ redriven: 1 });
  await expect(depth(broker, orders)).resolves.toBe(1);
});

it('does not bring a message back twice that has failed again meanwhile', async () => {
  const orders = await declareQueue(broker, 'redrive.again');
  const queue = await parkedQueue(broker, 'redrive.again', numbered(3, failedIn(orders)));
  const { id } = await desk.redrive(queue, { limit: 2 });
  // They fail at once, and are parked again.
  for (const { content, properties } of await takeAll(broker, orders))
    await park(broker, queue, [
      {
        body: content,
        properties: {
          messageId: properties.messageId as string,
          headers: { ...failedIn(orders), ...properties.headers },
        },
      },
    ]);
  await expect(desk.redrive(queue, { resume: id })).resolves.toMatchObject({
    redriven: 1,
    left: { cameBack: 2 },
  });
  await expect(desk.redrive(queue)).resolves.toMatchObject({ redriven: 2 });
});

it('takes no more than what was there when it began, though its consumer fails at once', async () => {
  const orders = await declareQueue(broker, 'redrive.failing');
  const queue = await parkedQueue(broker, 'redrive.failing', numbered(40, failedIn(orders)));
  const channel = await broker.confirmChannel();
  await channel.consume(orders, (message) => {
    if (!message) return;
    const { headers, messageId } = message.properties;
    channel.sendToQueue(queue, message.content, {
      messageId: messageId as string,
      headers: { ...failedIn(orders), ...headers },
    });
    channel.ack(message);
  });
  await expect(desk.redrive(queue, { rate: 200 })).resolves.toMatchObject({ redriven: 40 });
  await waitFor(async () => (await depth(broker, queue)) === 40);
  await channel.close();
});

it('loses and doubles nothing when two redrive at once', async () => {
  const orders = await declareQueue(broker, 'redrive.two', {
    arguments: { 'x-queue-type': 'quorum' },
  });
  const queue = await parkedQueue(broker, 'redrive.two', numbered(400, failedIn(orders)));
  const [one, other] = await Promise.all([
    desk.redrive(queue, { rate: 400 }),
    desk.redrive(queue, { rate: 400 }),
  ]);
  expect(one.redriven + other.redriven).toBe(400);
  expect(one.redriven * other.redriven).toBeGreaterThan(0);
  const arrived = bodies(await takeAll(broker, orders));
  expect(arrived).toHaveLength(400);
  expect(new Set(arrived).size).toBe(400);
  await expect(depth(broker, queue)).resolves.toBe(0);
});
