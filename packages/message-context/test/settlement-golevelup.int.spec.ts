import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import {
  AmqpConnection,
  MessageHandlerErrorBehavior,
  RabbitMQModule,
  RabbitRPC,
  RabbitSubscribe,
} from '@golevelup/nestjs-rabbitmq';
import { openContext, testBroker, waitFor, type RecordingLogger } from '@acme/internal-testing';
import {
  MessageContext,
  MessageContextModule,
  RetryLater,
  type AmqpDeliveryLike,
  type BrokerAnswer,
  type InboundMessage,
} from '@acme/nest-message-context';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { OwnSettlement, OwnSettlementModule } from './support/own-settlement.js';

// Here and not in a hook: the decorators need its names.
const broker = await testBroker();
const EVENTS = broker.name('events');
const DEAD = broker.name('dead');
const PARKED = broker.name('parked');
const REPLIES = broker.name('replies');
const names: string[] = [];
const on = (routingKey: string) => {
  names.push(routingKey);
  return {
    exchange: EVENTS,
    routingKey,
    queue: broker.name(routingKey),
    queueOptions: {
      durable: true,
      arguments: { 'x-queue-type': 'quorum', 'x-dead-letter-exchange': DEAD },
    },
  };
};

const failure = new Error('not now');
const handled: { readonly message: InboundMessage; readonly at: number }[] = [];

/** Fails once, with what the test says. */
let thrown: Error = failure;
function failOnce(): void {
  handled.push({ message: MessageContext.require().message, at: Date.now() });
  if (handled.length === 1) throw thrown;
}

@Injectable()
class Subscriber {
  @RabbitSubscribe(on('placed'))
  async placed(): Promise<void> {
    failOnce();
  }

  @RabbitSubscribe({
    ...on('batch'),
    queueOptions: { ...on('batch').queueOptions, channel: 'three-at-once' },
    batchOptions: { size: 3, timeout: 60_000 },
  })
  async batch(): Promise<void> {
    failOnce();
  }

  @RabbitRPC(on('asked'))
  async asked(): Promise<string> {
    failOnce();
    return 'answer';
  }

  @RabbitSubscribe({ ...on('ACK'), errorBehavior: MessageHandlerErrorBehavior.ACK })
  async acks(): Promise<void> {
    failOnce();
  }

  @RabbitSubscribe({ ...on('NACK'), errorBehavior: MessageHandlerErrorBehavior.NACK })
  async nacks(): Promise<void> {
    failOnce();
  }

  @RabbitSubscribe({ ...on('REQUEUE'), errorBehavior: MessageHandlerErrorBehavior.REQUEUE })
  async requeues(): Promise<void> {
    failOnce();
  }
}

@Module({
  imports: [
    MessageContextModule.forRoot(),
    OwnSettlementModule,
    RabbitMQModule.forRoot({
      uri: broker.url,
      exchanges: [{ name: EVENTS, type: 'topic' }],
      connectionInitOptions: { wait: true },
      prefetchCount: 1,
      channels: { 'three-at-once': { prefetchCount: 3 } },
    }),
  ],
  providers: [Subscriber],
})
class SubscriberModule {}

const idsOf = (deliveries: readonly AmqpDeliveryLike[]): unknown[] =>
  deliveries.map(({ properties }) => properties.messageId);

async function publish(
  routingKey: string,
  ids: readonly string[],
  properties: object = {},
): Promise<void> {
  const channel = await broker.confirmChannel();
  for (const messageId of ids)
    channel.publish(EVENTS, routingKey, Buffer.from('{}'), { messageId, ...properties });
  await channel.waitForConfirms();
  await channel.close();
}

describe('a settlement of somebody else’s behind golevelup', () => {
  let settlement: OwnSettlement;
  let log: RecordingLogger;
  let close: () => Promise<void>;
  /** What was said on the channels of the application, in AMQP's words. */
  const said: string[] = [];
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown): void => void unhandled.push(error);

  function listenTo(channel: object): void {
    const spied = channel as Record<string, (...args: unknown[]) => void>;
    for (const method of ['ack', 'nack', 'reject']) {
      const original = spied[method]!.bind(channel);
      vi.spyOn(spied, method).mockImplementation((delivery: unknown, ...flags: unknown[]) => {
        said.push([method, ...idsOf([delivery as AmqpDeliveryLike]), ...flags].join(' '));
        original(delivery, ...flags);
      });
    }
  }

  beforeAll(async () => {
    process.on('unhandledRejection', onUnhandled);
    const channel = await broker.channel();
    await channel.assertExchange(DEAD, 'fanout', { durable: true });
    await channel.assertQueue(PARKED, { durable: true });
    await channel.bindQueue(PARKED, DEAD, '');
    await channel.assertQueue(REPLIES, { durable: true });
    await channel.close();
    const opened = await openContext(SubscriberModule);
    ({ log, close } = opened);
    settlement = opened.app.get(OwnSettlement);
    const connection = opened.app.get(AmqpConnection);
    listenTo(connection.channel);
    listenTo(connection.channels['three-at-once']!);
  });

  beforeEach(() => {
    handled.length = said.length = settlement.asked.length = 0;
    thrown = failure;
  });

  afterEach(async () => {
    await broker.take(PARKED);
  });

  afterAll(() => process.off('unhandledRejection', onUnhandled));

  const parked = async (): Promise<unknown> => (await broker.queue(PARKED))?.messages;

  it('that fails gets the message again, after a while, and breaks nothing', async () => {
    settlement.answering = () => Promise.reject(new Error('nothing is confirmed'));
    await publish('placed', ['m-1']);
    await waitFor(() => handled.length === 2, { deadlineMs: 20_000 });
    // Given back at once, it would come again at once, and again.
    expect(handled[1]!.at - handled[0]!.at).toBeGreaterThan(900);
    expect(settlement.asked).toHaveLength(1);
    expect(log.messages('error').join()).toContain(
      'Could not retry "placed" m-1: Error: nothing is confirmed',
    );
    await waitFor(() => said.length === 2);
    expect(said).toEqual(['nack m-1 false true', 'ack m-1']);
  });

  it.each<[BrokerAnswer, string[], number]>([
    ['ack', ['ack m-1'], 0],
    ['reject', ['nack m-1 false false'], 1],
    ['requeue', ['nack m-1 false true', 'ack m-1'], 0],
    ['requeue-counted', ['reject m-1 true', 'ack m-1'], 0],
  ])('has its %s given to the broker when it has said so', async (answer, words, dead) => {
    const say = settlement.waitForAnswer();
    await publish('placed', ['m-1']);
    await waitFor(() => settlement.asked.length === 1);
    const [settling] = settlement.asked;
    expect(settling).toMatchObject({
      decision: { action: 'retry', countAttempt: true },
      queue: broker.name('placed'),
      error: failure,
      needsRoutingKey: false,
    });
    expect(settling!.message).toBe(handled[0]!.message);
    expect(settling!.handler).toEqual({
      handler: { className: 'Subscriber', methodName: 'placed' },
      owner: Subscriber,
      method: Subscriber.prototype.placed,
    });
    expect(idsOf(settling!.deliveries)).toEqual(['m-1']);
    await publish('placed', ['m-2']);
    // Prefetch is 1: the first is not settled yet.
    await waitFor(async () => (await broker.queue(broker.name('placed')))?.messages === 1);
    expect(said).toEqual([]);
    say(answer);
    // What goes back to a quorum queue may go to its end.
    await waitFor(() => said.length === words.length + 1);
    expect(said[0]).toBe(words[0]);
    expect(said.toSorted()).toEqual([...words, 'ack m-2'].toSorted());
    await waitFor(async () => (await parked()) === dead);
    const again = handled.map(({ message }) => message).filter(({ redelivered }) => redelivered);
    expect(again.map(({ messageId }) => messageId)).toEqual(words.length === 2 ? ['m-1'] : []);
    // Whether the other one is counted is for the version of the broker to say.
    const counted = again.filter(() => answer === 'requeue-counted');
    expect(counted.every(({ headers }) => headers.getNumber('x-delivery-count') === 1)).toBe(true);
  });

  it.each<[BrokerAnswer, (id: string) => string]>([
    ['ack', (id) => `ack ${id}`],
    ['reject', (id) => `nack ${id} false false`],
    ['requeue', (id) => `nack ${id} false true`],
    ['requeue-counted', (id) => `reject ${id} true`],
  ])('answers %s for each delivery of a batch, asked once', async (answer, word) => {
    settlement.answering = async () => answer;
    const ids = ['b-1', 'b-2', 'b-3'];
    await publish('batch', ids);
    const again = answer.startsWith('requeue');
    await waitFor(() => said.length === (again ? 6 : 3));
    expect(said.slice(0, 3)).toEqual(ids.map(word));
    expect(said.slice(3).sort()).toEqual(again ? ids.map((id) => `ack ${id}`) : []);
    expect(settlement.asked).toHaveLength(1);
    expect(idsOf(settlement.asked[0]!.deliveries)).toEqual(ids);
    await waitFor(async () => (await parked()) === (answer === 'reject' ? 3 : 0));
  });

  it('does not have a failed request answered with nothing because it is safe elsewhere', async () => {
    settlement.answering = () => Promise.resolve('ack');
    const request = { replyTo: REPLIES, correlationId: 'c-1' };
    await publish('asked', ['r-1'], request);
    await waitFor(() => said.length === 1);
    expect(settlement.asked[0]).toMatchObject({ needsRoutingKey: true });
    // golevelup replies before it acks, so the next reply would be the second.
    await publish('asked', ['r-2'], request);
    await waitFor(() => said.length === 2);
    expect(said).toEqual(['ack r-1', 'ack r-2']);
    const replies = await broker.take(REPLIES);
    expect(replies.map(({ content }) => content.toString())).toEqual(['"answer"']);
  });

  describe('where the user chose what golevelup does with an error', () => {
    it.each([
      ['ACK', ['ack m-1'], 0],
      ['NACK', ['nack m-1 false false'], 1],
      ['REQUEUE', ['nack m-1 false true', 'ack m-1'], 0],
    ])('%s, is not asked about one', async (behavior, words, dead) => {
      await publish(behavior, ['m-1']);
      await waitFor(() => said.length === words.length);
      expect(said).toEqual(words);
      expect(settlement.asked).toEqual([]);
      await waitFor(async () => (await parked()) === dead);
    });

    it.each(['ACK', 'NACK', 'REQUEUE'])('%s, is asked about a signal', async (behavior) => {
      thrown = new RetryLater({ after: 0 });
      settlement.answering = () => Promise.resolve('requeue-counted');
      await publish(behavior, ['m-1']);
      await waitFor(() => said.length === 2);
      expect(said).toEqual(['reject m-1 true', 'ack m-1']);
      expect(settlement.asked[0]).toMatchObject({ queue: broker.name(behavior), error: thrown });
    });

    it.each([
      ['ACK', 'ack m-1'],
      ['NACK', 'nack m-1 false false'],
    ])('%s, has it done to what cannot be read', async (behavior, word) => {
      const channel = await broker.confirmChannel();
      channel.publish(EVENTS, behavior, Buffer.from('no JSON'), { messageId: 'm-1' });
      await channel.waitForConfirms();
      await channel.close();
      await waitFor(() => said.length === 1);
      expect(said).toEqual([word]);
    });
  });

  it('that keeps what is parked needs no dead-letter exchange: see the warnings of boot', () => {
    const warnings = log.messages('warn').filter((text) => text.includes('Queue "'));
    expect(warnings.length).toBeGreaterThan(0);
    for (const warning of warnings) expect(warning).toContain('without a delivery limit');
  });

  it('has left nothing unsettled, and nothing unhandled, when the application closes', async () => {
    await close();
    const left = await Promise.all(names.map((name) => broker.take(broker.name(name))));
    expect(left.flat()).toEqual([]);
    expect(unhandled).toEqual([]);
  });
});
