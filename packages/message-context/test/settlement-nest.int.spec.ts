import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { EventPattern, Transport, type MicroserviceOptions } from '@nestjs/microservices';
import { openApp, openMicroservice, testBroker, waitFor } from '@acme/internal-testing';
import {
  MessageContext,
  MessageContextModule,
  PlainJsonDeserializer,
  type AmqpDeliveryLike,
  type BrokerAnswer,
  type InboundMessage,
} from '@acme/nest-message-context';
import { beforeEach, describe, expect, it } from 'vitest';
import { Body, ProbeModule } from './support/probe.js';
import { OwnSettlement, OwnSettlementModule } from './support/own-settlement.js';

const broker = await testBroker();
const DEAD = broker.name('dead');
const PARKED = broker.name('parked');

const failure = new Error('not now');
const handled: { readonly message: InboundMessage; readonly at: number }[] = [];
let failing = 1;

@Controller()
class Consumer {
  @Body()
  @EventPattern('placed')
  placed(): void {
    handled.push({ message: MessageContext.require().message, at: Date.now() });
    if (handled.length <= failing) throw failure;
  }

  @EventPattern('decides')
  decides(): void {
    MessageContext.require().message.delivery.settle({ action: 'reject' });
  }
}

@Module({
  imports: [MessageContextModule.forRoot(), OwnSettlementModule, ProbeModule],
  controllers: [Consumer],
})
class ConsumerModule {}

beforeEach(async () => {
  handled.length = 0;
  failing = 1;
  const channel = await broker.channel();
  await channel.assertExchange(DEAD, 'fanout', { durable: true });
  await channel.assertQueue(PARKED, { durable: true });
  await channel.bindQueue(PARKED, DEAD, '');
  await channel.purgeQueue(PARKED);
  await channel.close();
});

const quorum = { 'x-queue-type': 'quorum' };
const rmq = (queue: string, args: object = { ...quorum, 'x-dead-letter-exchange': DEAD }) =>
  ({
    transport: Transport.RMQ,
    options: {
      urls: [broker.url],
      queue,
      queueOptions: { durable: true, arguments: args },
      noAck: false,
      prefetchCount: 1,
      deserializer: new PlainJsonDeserializer(),
    },
  }) satisfies MicroserviceOptions;

async function open(queue: string) {
  const opened = await openMicroservice(ConsumerModule, rmq(queue));
  return { ...opened, settlement: opened.app.get(OwnSettlement) };
}

async function publish(queue: string, messageId: string, type = 'placed'): Promise<void> {
  const channel = await broker.confirmChannel();
  channel.sendToQueue(queue, Buffer.from('{}'), { type, messageId });
  await channel.waitForConfirms();
  await channel.close();
}

const idsOf = (deliveries: readonly AmqpDeliveryLike[]): unknown[] =>
  deliveries.map(({ properties }) => properties.messageId);

describe('a settlement of somebody else’s behind Nest’s RabbitMQ server', () => {
  it('that fails gets the message again, after a while, and breaks nothing', async () => {
    const queue = broker.name('fails');
    const unhandled: unknown[] = [];
    process.on('unhandledRejection', (error) => unhandled.push(error));
    const { settlement, log, close } = await open(queue);
    settlement.answering = () => Promise.reject(new Error('nothing is confirmed'));
    await publish(queue, 'm-1');
    await waitFor(() => handled.length === 2, { deadlineMs: 20_000 });
    // Given back at once, it would come again at once, and again.
    expect(handled[1]!.at - handled[0]!.at).toBeGreaterThan(900);
    expect(settlement.asked).toHaveLength(1);
    expect(log.messages('error').join()).toContain(
      'Could not retry "placed" m-1: Error: nothing is confirmed',
    );
    await close();
    expect(await broker.take(queue)).toEqual([]);
    expect(unhandled).toEqual([]);
  });

  it('is asked once, with all there is to know of a failure', async () => {
    const queue = broker.name('asked');
    const { settlement } = await open(queue);
    await publish(queue, 'm-1');
    await waitFor(() => settlement.asked.length === 1);
    const [settling] = settlement.asked;
    expect(settling).toMatchObject({
      decision: { action: 'retry', countAttempt: true },
      queue,
      error: failure,
      needsRoutingKey: false,
    });
    expect(settling!.message).toBe(handled[0]!.message);
    expect(settling!.message.handler).toEqual({ className: 'Consumer', methodName: 'placed' });
    expect(settling!.handler).toEqual({
      handler: settling!.message.handler,
      owner: Consumer,
      method: Consumer.prototype.placed,
    });
    expect(idsOf(settling!.deliveries)).toEqual(['m-1']);
  });

  it('is asked about a decision without a failure, and not about what succeeds', async () => {
    const queue = broker.name('decided');
    const { settlement } = await open(queue);
    failing = 0;
    await publish(queue, 'm-1');
    await publish(queue, 'm-2', 'decides');
    await waitFor(() => settlement.asked.length === 1);
    expect(settlement.asked[0]).toMatchObject({ decision: { action: 'reject' }, error: undefined });
    expect(idsOf(settlement.asked[0]!.deliveries)).toEqual(['m-2']);
  });

  it.each<[BrokerAnswer, { times: number; parked: number }]>([
    ['ack', { times: 1, parked: 0 }],
    ['reject', { times: 1, parked: 1 }],
    ['requeue', { times: 2, parked: 0 }],
    ['requeue-counted', { times: 2, parked: 0 }],
  ])('has its %s given to the broker when it has said so', async (answer, { times, parked }) => {
    const queue = broker.name(`answers-${answer}`);
    const { settlement, close } = await open(queue);
    const say = settlement.waitForAnswer();
    await publish(queue, 'm-1');
    await waitFor(() => settlement.asked.length === 1);
    await publish(queue, 'm-2');
    // Prefetch is 1: the first is not settled yet.
    await waitFor(async () => (await broker.queue(queue))?.messages === 1);
    expect(handled).toHaveLength(1);
    say(answer);
    await waitFor(() => handled.length === times + 1);
    await close();
    expect(await broker.take(queue)).toEqual([]);
    expect(idsOf(await broker.take(PARKED))).toEqual(parked === 0 ? [] : ['m-1']);
    const again = handled.map(({ message }) => message).filter(({ redelivered }) => redelivered);
    expect(again.map(({ messageId }) => messageId)).toEqual(times === 2 ? ['m-1'] : []);
    // Whether the other one is counted is for the version of the broker to say.
    const counted = again.filter(() => answer === 'requeue-counted');
    expect(counted.every(({ headers }) => headers.getNumber('x-delivery-count') === 1)).toBe(true);
  });

  it('is released when the application closes, early enough to give back what it holds', async () => {
    const queue = broker.name('released');
    const { app, log, close } = await openApp(ConsumerModule, { microservices: [rmq(queue)] });
    const settlement = app.get(OwnSettlement);
    const say = settlement.waitForAnswer();
    let releases = 0;
    settlement.onRelease = () => {
      releases += 1;
      say('requeue-counted');
    };
    await publish(queue, 'm-1');
    await waitFor(() => settlement.asked.length === 1);
    await close();
    expect(releases).toBe(1);
    expect(log.messages('warn').filter((text) => text.includes('channel is closed'))).toEqual([]);
    expect(idsOf(await broker.take(queue))).toEqual(['m-1']);
  });

  it('that keeps what is parked needs no dead-letter exchange; the other warnings stay', async () => {
    const queue = broker.name('without-dead-letters');
    const { log, close } = await openMicroservice(ConsumerModule, rmq(queue, quorum));
    await waitFor(async () => (await broker.queue(queue))?.consumers === 1);
    await close();
    expect(log.messages('warn').filter((text) => text.includes(`"${queue}"`))).toEqual([
      expect.stringContaining('without a delivery limit'),
    ]);
  });
});
