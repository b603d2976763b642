// Order per key in one consumer: behind Nest and golevelup, on quorum and classic queues.
import { setTimeout as sleep } from 'node:timers/promises';
import {
  openMicroservice,
  seededRandom,
  takeAll,
  tcpProxy,
  testBroker,
  waitFor,
  type TestBroker,
} from '@acme/internal-testing';
import { MessageContextModule, PlainJsonDeserializer } from '@acme/nest-message-context';
import { RabbitMqModule, RmqOrdered, type OrderedCall } from '@acme/nest-rabbitmq';
import { Controller, Module, UseGuards } from '@nestjs/common';
import { EventPattern, Transport, type MicroserviceOptions } from '@nestjs/microservices';
import { connect } from 'amqplib';
import { beforeAll, describe, expect, it } from 'vitest';
import { CONSUMERS, slug } from './support/consumers.js';
import {
  gateOf,
  keyedBy,
  Ledger,
  numbered,
  ofMessage,
  orderedGround,
  retry,
  type Numbered,
} from './support/ordered-ground.js';

let broker: TestBroker;
beforeAll(async () => {
  broker = await testBroker();
});

describe.each(CONSUMERS)('%s', (kind, open) => {
  const ground = () => orderedGround(broker, open, `${slug(kind)}-ordered`);

  it.each(['quorum', 'classic'] as const)(
    'keeps the order of each key, and handles different keys at once: a %s queue',
    async (queueType) => {
      const { open: start, publish, closedAndEmpty } = ground();
      const random = seededRandom(7);
      const ledger = new Ledger();
      const consumer = await start({
        queueType,
        module: { queueType },
        handle: (handled) => ledger.handle(ofMessage(handled), () => sleep(random.int(0, 5))),
      });
      await publish(numbered(12, 20));
      await waitFor(() => ledger.done.length === 240, { deadlineMs: 20_000 });
      expect(ledger.overlaps).toEqual([]);
      expect(ledger.violations).toEqual([]);
      expect(ledger.most).toBeGreaterThan(6);
      await closedAndEmpty(consumer);
    },
  );

  it('goes by the order in which messages came, however long guards and pipes take', async () => {
    const { open: start, publish, closedAndEmpty } = ground();
    const random = seededRandom(11);
    const ledger = new Ledger();
    const reached: number[] = [];
    const consumer = await start({
      guard: async () => {
        await sleep(random.int(0, 8));
        return true;
      },
      pipe: async (payload) => {
        await sleep(random.int(0, 8));
        reached.push((payload as { at: number }).at);
        return payload;
      },
      handle: (handled) => ledger.handle(ofMessage(handled), () => sleep(random.int(0, 3))),
    });
    await publish(numbered(5, 40).map((message, at) => ({ ...message, at })));
    await waitFor(() => ledger.done.length === 200, { deadlineMs: 20_000 });
    expect(ledger.overlaps).toEqual([]);
    expect(ledger.violations).toEqual([]);
    // Otherwise nothing was tested.
    expect(reached).not.toEqual([...reached].sort((a, b) => a - b));
    await closedAndEmpty(consumer);
  });

  it.each(['quorum', 'classic'] as const)(
    'begins nothing more when the application closes, and gives back what waits in its order: a %s queue',
    async (queueType) => {
      const { open: start, publish, queue } = ground();
      const ledger = new Ledger();
      const gate = gateOf();
      const consumer = await start({
        queueType,
        queueArguments: queueType === 'quorum' ? { 'x-delivery-limit': 20 } : {},
        module: { queueType },
        // Long enough for what comes and goes meanwhile to reach the delivery limit, if it could.
        closing: () => void sleep(300).then(gate.open),
        handle: (handled) => ledger.handle(ofMessage(handled), () => gate.opened),
      });
      const messages = numbered(3, 20);
      await publish(messages);
      await waitFor(() => consumer.handled.length === 3);
      await consumer.close();
      expect(consumer.handled).toHaveLength(3);
      const left = (await takeAll(broker, queue)).map(
        ({ content }) => JSON.parse(content.toString()) as Numbered,
      );
      const { done } = ledger;
      expect(done).toHaveLength(3);
      expect(left).toHaveLength(messages.length - done.length);
      for (const key of ['k0', 'k1', 'k2'])
        expect(left.filter((one) => one.key === key)).toEqual(
          messages.filter((one) => one.key === key).slice(done.length / 3),
        );
    },
  );

  it.each(['quorum', 'classic'] as const)(
    'gives back in its order what waits for its next attempt when the application closes: a %s queue',
    async (queueType) => {
      const { open: start, publish, queue } = ground();
      const consumer = await start({
        queueType,
        queueArguments: queueType === 'quorum' ? { 'x-delivery-limit': 20 } : {},
        module: { queueType, retry: { initial: '1m', max: '1m' } },
        handle: () => {
          throw new Error('not now');
        },
      });
      await publish(numbered(1, 8));
      await waitFor(() => consumer.log.messages('warn').some((text) => text.includes('not now')));
      await consumer.close();
      const left = (await takeAll(broker, queue)).map(
        ({ content }) => JSON.parse(content.toString()) as Numbered,
      );
      expect(left).toEqual(numbered(1, 8));
    },
  );

  it('spends one delivery at most on what waits while the application closes, however long that takes', async () => {
    const { open: start, publish, queue } = ground();
    const gate = gateOf();
    const consumer = await start({
      queueArguments: { 'x-delivery-limit': 2 },
      closing: () => void setTimeout(() => gate.open(), 1_000),
      handle: () => gate.opened,
    });
    await publish(numbered(1, 6));
    await waitFor(() => consumer.handled.length === 1);
    await consumer.close();
    const left = await takeAll(broker, queue);
    expect(left).toHaveLength(5);
    for (const { properties } of left)
      expect(properties.headers?.['x-delivery-count'] ?? 0).toBeLessThanOrEqual(1);
  });

  it('goes on in order with what comes again after a lost connection', async () => {
    const { open: start, publish, depth } = ground();
    const proxy = await tcpProxy(broker.url);
    const ledger = new Ledger();
    const gate = gateOf();
    let begun = 0;
    const consumer = await start({
      broker: { ...broker, url: proxy.url },
      handle: (handled) =>
        ledger.handle(ofMessage(handled), () => ((begun += 1) <= 2 ? gate.opened : undefined)),
    });
    await publish(numbered(2, 8));
    await waitFor(() => begun === 2);
    proxy.cut();
    // All of it comes again, and waits behind what has begun before.
    await waitFor(async () => (await depth()) === 0 && begun === 2);
    gate.open();
    await waitFor(() => ledger.of('k0').length === 9 && ledger.of('k1').length === 9);
    expect(ledger.overlaps).toEqual([]);
    for (const key of ['k0', 'k1']) expect(ledger.of(key)).toEqual([1, 1, 2, 3, 4, 5, 6, 7, 8]);
    await consumer.close();
  });

  it.each([
    { what: 'a header', key: { header: 'x-order' } },
    { what: 'the routing key, also of what comes from a wait queue', key: 'routingKey' as const },
    {
      what: 'a function of what the handler is given',
      key: ({ args: [order], message }: OrderedCall) =>
        `${message.name}-${(order as Numbered).key === 'k0' ? 0 : 1}`,
    },
  ])('takes the key from $what', async ({ key }) => {
    const { open: start, publish, closedAndEmpty } = ground();
    const ledger = new Ledger();
    let failures = 0;
    const consumer = await start({
      module: { retry },
      ordered: { key, onFailure: 'skip' },
      handle: (handled) =>
        ledger.handle({ ...ofMessage(handled), key: 'all of them' }, async () => {
          await sleep(2);
          if ((failures += 1) === 1) throw new Error('not now');
        }),
    });
    await publish(
      numbered(1, 8).map((one) => ({ ...one, key: 'k0' })),
      () => ({ headers: { 'x-order': 7 } }),
    );
    await waitFor(() => ledger.done.length === 8);
    expect(ledger.overlaps).toEqual([]);
    await closedAndEmpty(consumer);
  });
});

it('says where an asynchronous deserializer has messages overtake each other', async () => {
  const [[, openNest] = []] = CONSUMERS;
  const ground = orderedGround(broker, openNest!, 'deserializer');
  const plain = new PlainJsonDeserializer();
  let count = 0;
  const slow = {
    deserialize: async (...args: Parameters<typeof plain.deserialize>) => {
      if ((count += 1) === 1) await sleep(20);
      return plain.deserialize(...args);
    },
  };
  const consumer = await ground.open({ deserializer: slow, handle: () => {} });
  await ground.publish(numbered(2, 2));
  await waitFor(() => consumer.handled.length === 4);
  const warnings = consumer.log
    .messages('warn')
    .filter((text) => text.includes('order of their delivery'));
  expect(warnings).toHaveLength(1);
  await ground.closedAndEmpty(consumer);
});

it('keeps one order for all patterns of a queue, and waits for no pattern that has none', async () => {
  const queue = broker.name('patterns');
  const random = seededRandom(3);
  const ledger = new Ledger();
  const gate = gateOf();
  const slowly = {
    canActivate: async () => {
      await sleep(random.int(0, 8));
      return true;
    },
  };
  @Controller()
  class Orders {
    @EventPattern('placed')
    @UseGuards(slowly)
    @RmqOrdered({ key: keyedBy })
    async placed(order: Numbered): Promise<void> {
      await ledger.handle(order, () => sleep(random.int(0, 2)));
    }

    @RmqOrdered({ key: keyedBy })
    @EventPattern('paid')
    async paid(order: Numbered): Promise<void> {
      await ledger.handle(order, () => sleep(random.int(0, 2)));
    }

    @EventPattern('looked-at')
    async lookedAt(): Promise<void> {
      await gate.opened;
    }
  }
  @Module({
    imports: [
      MessageContextModule.forRoot(),
      RabbitMqModule.forRoot({ connect: () => connect(broker.url) }),
    ],
    controllers: [Orders],
  })
  class AppModule {}
  const { close } = await openMicroservice(AppModule, {
    transport: Transport.RMQ,
    options: {
      urls: [broker.url],
      queue,
      queueOptions: { durable: true, arguments: { 'x-queue-type': 'quorum' } },
      noAck: false,
      prefetchCount: 30,
      deserializer: new PlainJsonDeserializer(),
    },
  } satisfies MicroserviceOptions);
  const channel = await broker.confirmChannel();
  const send = (type: string, body: object): unknown =>
    channel.sendToQueue(queue, Buffer.from(JSON.stringify(body)), { type });
  send('looked-at', {});
  for (const order of numbered(4, 20)) send(order.n % 2 === 0 ? 'paid' : 'placed', order);
  await waitFor(() => ledger.done.length === 80);
  expect(ledger.violations).toEqual([]);
  expect(ledger.overlaps).toEqual([]);
  gate.open();
  await close();
  await channel.close();
});
