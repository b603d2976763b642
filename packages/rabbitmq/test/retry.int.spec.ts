import {
  declareQueue,
  openContext,
  testBroker,
  waitFor,
  type TestBroker,
} from '@acme/internal-testing';
import { NonRetryableError, RetryLater } from '@acme/nest-message-context';
import { RabbitMqModule } from '@acme/nest-rabbitmq';
import { Module } from '@nestjs/common';
import { connect, type Options } from 'amqplib';
import { beforeAll, describe, expect, it } from 'vitest';
import { CONSUMERS, slug, type Consumer, type ConsumerOptions } from './support/consumers.js';

let broker: TestBroker;
beforeAll(async () => {
  broker = await testBroker();
});

const fail = (): never => {
  throw new Error('the database is away');
};

/** Fast, and the same every time. */
const retry = { attempts: 3, initial: 50, max: 100, jitter: false } as const;

describe.each(CONSUMERS)('%s', (kind, open) => {
  let count = 0;
  /** Names of the test's own, with what is published there and what is left. */
  const ground = () => {
    const name = `${slug(kind)}-${(count += 1)}`;
    const queue = broker.name(`${name}.orders`);
    const exchange = broker.name(`${name}.events`);
    // What is declared besides, for the fixture to delete.
    for (const suffix of ['retry.50', 'retry.100', 'dlq']) broker.name(`${name}.orders.${suffix}`);
    return {
      queue,
      exchange,
      open: (options: Pick<ConsumerOptions, 'handle'> & Partial<ConsumerOptions>) =>
        open({ broker, queue, exchange, module: { retry }, ...options }),
      publish: async (properties: Options.Publish = {}, body: unknown = { id: 1 }) => {
        const channel = await broker.confirmChannel();
        channel.publish(exchange, 'placed', Buffer.from(JSON.stringify(body)), {
          type: 'placed',
          messageId: 'm-1',
          ...properties,
        });
        await channel.waitForConfirms();
        await channel.close();
      },
      depth: async (suffix = '') => (await broker.queue(queue + suffix))?.messages ?? 0,
      parked: async (of = `${queue}.dlq`) => {
        await waitFor(async () => ((await broker.queue(of))?.messages ?? 0) > 0, {
          what: `a message in ${of}`,
        });
        return broker.take(of);
      },
    };
  };
  const attempts = ({ handled }: Consumer) => handled.map(({ message }) => message.attempt);
  /** What is unsettled comes back when its consumer has gone: then the broker's count is the truth. */
  const closedAndEmpty = async ({ close }: Consumer, depth: () => Promise<number>) => {
    await close();
    await expect(depth()).resolves.toBe(0);
  };

  it.each(['quorum', 'classic'] as const)(
    'tries again after a pause at the broker, and acks what succeeds: a %s queue',
    async (queueType) => {
      const { open: start, publish, depth } = ground();
      const times: number[] = [];
      const consumer = await start({
        queueType,
        module: { retry, queueType },
        handle: (_, n) => {
          times.push(performance.now());
          if (n < 3) fail();
        },
      });
      await publish();
      await waitFor(() => consumer.handled.length === 3);
      expect(attempts(consumer)).toEqual([1, 2, 3]);
      expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(49);
      expect(times[2]! - times[1]!).toBeGreaterThanOrEqual(99);
      await closedAndEmpty(consumer, depth);
      await expect(depth('.dlq')).resolves.toBe(0);
    },
  );

  it('parks what has failed often enough, as it was, with the reason', async () => {
    const { open: start, publish, depth, parked, queue, exchange } = ground();
    const consumer = await start({ handle: fail });
    const body = { amount: '12345678901234567890.10', text: 'ü' };
    await publish(
      { headers: { 'x-tenant-id': 't-1' }, contentType: 'application/json', priority: 3 },
      body,
    );
    const [message] = await parked();
    expect(message?.content.toString()).toBe(JSON.stringify(body));
    expect(message?.properties).toMatchObject({
      messageId: 'm-1',
      type: 'placed',
      contentType: 'application/json',
      priority: 3,
      deliveryMode: 2,
    });
    expect(message?.properties.headers).toMatchObject({
      'x-tenant-id': 't-1',
      'x-attempt': 3,
      'x-error-code': 'RETRIES_EXHAUSTED',
      'x-error-name': 'Error',
      'x-error-message': expect.stringContaining('the database is away') as string,
      'x-error-stack': expect.stringContaining('retry.int.spec') as string,
      'x-error-service': 'tests',
      'x-original-queue': queue,
      'x-original-exchange': exchange,
      'x-original-routing-key': 'placed',
    });
    expect(attempts(consumer)).toEqual([1, 2, 3]);
    await closedAndEmpty(consumer, depth);
    expect(consumer.log.messages('warn').join()).toContain(
      `Parked "placed" m-1 in "${queue}.dlq": RETRIES_EXHAUSTED`,
    );
  });

  it('parks at once what cannot succeed', async () => {
    const { open: start, publish, depth, parked } = ground();
    const consumer = await start({
      handle: () => {
        throw new NonRetryableError('ORDER_UNKNOWN');
      },
    });
    await publish();
    const [message] = await parked();
    expect(message?.properties.headers).toMatchObject({
      'x-attempt': 1,
      'x-error-code': 'ORDER_UNKNOWN',
    });
    expect(consumer.handled).toHaveLength(1);
    await closedAndEmpty(consumer, depth);
  });

  it('follows what is said of the queue where that differs from the rest', async () => {
    const { open: start, publish, depth, parked, queue } = ground();
    const dead = broker.name(`dead-of-${kind.length}`);
    const consumer = await start({
      handle: fail,
      module: {
        retry,
        queues: { [queue]: { retry: { attempts: 1 }, deadLetter: { queue: dead, stack: false } } },
      },
    });
    await publish();
    const [message] = await parked(dead);
    expect(message?.properties.headers).toMatchObject({ 'x-attempt': 1 });
    expect(message?.properties.headers).not.toHaveProperty('x-error-stack');
    await closedAndEmpty(consumer, depth);
    await expect(depth('.dlq')).resolves.toBe(0);
  });

  it('puts off what is not to blame at no cost in attempts, but not for ever', async () => {
    const { open: start, publish, depth, parked } = ground();
    const consumer = await start({
      module: { retry: { ...retry, maxDeferrals: 4 } },
      handle: () => {
        throw new RetryLater({ after: 1, countAttempt: false });
      },
    });
    await publish();
    const [message] = await parked();
    expect(message?.properties.headers).toMatchObject({
      'x-attempt': 1,
      'x-deferrals': 4,
      'x-error-code': 'DEFERRALS_EXHAUSTED',
    });
    expect(attempts(consumer)).toEqual([1, 1, 1, 1, 1]);
    await closedAndEmpty(consumer, depth);
  });

  it('brings it back to its own queue only, under its old name', async () => {
    const { open: start, publish, depth, exchange } = ground();
    const consumer = await start({ handle: (_, n) => (n === 1 ? fail() : undefined) });
    const other = await declareQueue(broker, `other-of-${kind.length}`);
    await (await broker.channel()).bindQueue(other, exchange, 'placed');
    await publish();
    await waitFor(() => consumer.handled.length === 2);
    expect(consumer.handled.map(({ message }) => message.name)).toEqual(['placed', 'placed']);
    await closedAndEmpty(consumer, depth);
    await expect(broker.take(other)).resolves.toHaveLength(1);
  });

  it('declares a wait queue again that somebody has deleted', async () => {
    const { open: start, publish, depth, queue } = ground();
    const consumer = await start({ handle: (_, n) => (n % 2 === 1 ? fail() : undefined) });
    await publish();
    await waitFor(() => consumer.handled.length === 2);
    await (await broker.channel()).deleteQueue(`${queue}.retry.50`);
    await publish({ messageId: 'm-2' });
    await waitFor(() => consumer.handled.length === 4);
    await closedAndEmpty(consumer, depth);
  });

  it('declares at boot what belongs to the queues that it is told of, or does not start', async () => {
    const { open: start, queue } = ground();
    const handle = (): void => {};
    const module = { retry, queues: { [queue]: {} } };
    const consumer = await start({ handle, module });
    for (const suffix of ['.dlq', '.retry.50', '.retry.100'])
      await expect(broker.queue(queue + suffix)).resolves.toMatchObject({ messages: 0 });
    await consumer.close();
    const other = { ...module, queueType: 'classic', connect: () => connect(broker.url) } as const;
    @Module({ imports: [RabbitMqModule.forRoot(other)] })
    class AppModule {}
    await expect(openContext(AppModule)).rejects.toThrow(
      /could not be declared.*delete it once it is empty/,
    );
  });

  it('parks what cannot even be read', async () => {
    const { open: start, depth, parked, exchange } = ground();
    const consumer = await start({ handle: () => {} });
    const channel = await broker.confirmChannel();
    channel.publish(exchange, 'placed', Buffer.from('{not json'), {
      type: 'placed',
      messageId: 'm-1',
    });
    await channel.waitForConfirms();
    await channel.close();
    const [message] = await parked();
    expect(message?.content.toString()).toBe('{not json');
    expect(message?.properties.headers).toMatchObject({ 'x-error-code': 'MESSAGE_UNREADABLE' });
    expect(consumer.handled).toEqual([]);
    await closedAndEmpty(consumer, depth);
  });

  it('takes a dead-letter queue as it is', async () => {
    const { open: start, publish, depth, parked, queue } = ground();
    const channel = await broker.channel();
    await channel.assertQueue(`${queue}.dlq`, { durable: true, maxLength: 5 });
    const consumer = await start({ handle: fail, module: { retry: { ...retry, attempts: 1 } } });
    await publish();
    await expect(parked()).resolves.toHaveLength(1);
    await closedAndEmpty(consumer, depth);
  });

  it('does not park in the queue itself what comes from the dead-letter queue of all', async () => {
    const { open: start, publish, depth, parked, queue } = ground();
    const consumer = await start({
      handle: fail,
      module: { retry: { ...retry, attempts: 1 }, deadLetter: { queue } },
    });
    await publish();
    await expect(parked()).resolves.toHaveLength(1);
    expect(consumer.handled).toHaveLength(1);
    await closedAndEmpty(consumer, depth);
  });

  it('does not believe a sender’s copy of what retries note', async () => {
    const { open: start, publish, depth } = ground();
    const consumer = await start({
      handle: (_, n) => {
        if (n === 1) fail();
        if (n === 2) throw new RetryLater({ after: 1, countAttempt: false });
        if (n === 3) fail();
      },
    });
    await publish({
      headers: { 'x-first-failed-at': '2020-01-01T00:00:00.000Z', 'x-deferrals': 99 },
    });
    await waitFor(() => consumer.handled.length === 4);
    expect(attempts(consumer)).toEqual([1, 2, 2, 3]);
    await closedAndEmpty(consumer, depth);
  });

  it('keeps the message where a wait queue cannot be declared, and says what to do', async () => {
    const { open: start, publish, queue } = ground();
    const channel = await broker.channel();
    await channel.assertQueue(`${queue}.retry.50`, { durable: true });
    const consumer = await start({ handle: fail });
    await publish();
    await waitFor(() => consumer.log.messages('error').some((text) => text.includes('.retry.50')));
    await consumer.close();
    expect(consumer.log.messages('error').join()).toMatch(/delete it once it is empty/);
    const left = await broker.take(queue);
    expect(left.map(({ properties }) => properties.messageId)).toEqual(['m-1']);
  });
});
