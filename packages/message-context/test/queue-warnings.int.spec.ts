import 'reflect-metadata';
import { Controller, Injectable, Module, type Type } from '@nestjs/common';
import { EventPattern, Transport, type RmqOptions } from '@nestjs/microservices';
import { RabbitMQModule, RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import {
  openContext,
  openMicroservice,
  testBroker,
  waitFor,
  type RecordingLogger,
} from '@acme/internal-testing';
import { MessageContextModule } from '@acme/nest-message-context';
import { describe, expect, it } from 'vitest';

// Here and not in a hook: the decorators need its names.
const broker = await testBroker();
const EVENTS = broker.name('events');
const DEAD = broker.name('dead');
const durable = { durable: true };
const complete = {
  durable: true,
  deadLetterExchange: DEAD,
  arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 20 },
};

/** A queue that somebody else has declared. */
const declared = async (name: string): Promise<string> => {
  const queue = broker.name(name);
  const channel = await broker.channel();
  await channel.assertExchange(EVENTS, 'topic', durable);
  await channel.assertQueue(queue, durable);
  await channel.bindQueue(queue, EVENTS, name);
  await channel.close();
  return queue;
};

const warningsOf = (log: RecordingLogger, queue: string): string[] =>
  log.messages('warn').filter((text) => text.includes(`"${queue}"`));

const BOTH = [
  expect.stringContaining('declared without a dead-letter exchange'),
  expect.stringContaining('not declared as a quorum queue'),
];

describe('a queue of a Nest RabbitMQ server', () => {
  @Controller()
  class Consumer {
    @EventPattern('placed')
    placed(): void {}
  }
  @Module({ imports: [MessageContextModule.forRoot()], controllers: [Consumer] })
  class ConsumerModule {}

  const warnings = async (queue: string, options: RmqOptions['options']): Promise<string[]> => {
    const { log, close } = await openMicroservice(ConsumerModule, {
      transport: Transport.RMQ,
      options: { urls: [broker.url], queue, noAck: false, ...options },
    });
    // Nest says that it listens before it does.
    await waitFor(async () => (await broker.queue(queue))?.consumers === 1);
    await close();
    return warningsOf(log, queue);
  };

  it('is warned about at boot, once for each thing that is missing', async () => {
    const bare = broker.name('nest-bare');
    expect(await warnings(bare, { queueOptions: durable })).toEqual(BOTH);
    expect(await warnings(broker.name('nest-complete'), { queueOptions: complete })).toEqual([]);
  });

  it('is none of ours where somebody else declares it', async () => {
    const queue = await declared('nest-foreign');
    expect(await warnings(queue, { noAssert: true })).toEqual([]);
    expect(await warnings(queue, { queueOptions: { noAssert: true } })).toEqual([]);
  });

  it('is not warned about where the server acks by itself: nothing comes again, whatever it is', async () => {
    const options = { queueOptions: durable, noAck: true };
    expect(await warnings(broker.name('nest-acks'), options)).toEqual([]);
  });
});

describe('a queue of a golevelup subscriber', () => {
  const warnings = async (subscriber: Type<unknown>, queue: string): Promise<string[]> => {
    @Module({
      imports: [
        MessageContextModule.forRoot(),
        RabbitMQModule.forRoot({
          uri: broker.url,
          exchanges: [{ name: EVENTS, type: 'topic' }],
          connectionInitOptions: { wait: true },
        }),
      ],
      providers: [subscriber],
    })
    class SubscriberModule {}
    const { log, close } = await openContext(SubscriberModule);
    await close();
    return warningsOf(log, queue);
  };
  const subscriberOf = (queue: string, more: object): Type<unknown> => {
    @Injectable()
    class Subscriber {
      @RabbitSubscribe({ exchange: EVENTS, routingKey: 'placed', queue, ...more })
      async placed(): Promise<void> {}
    }
    return Subscriber;
  };

  it('is warned about at boot, once for each thing that is missing', async () => {
    const bare = broker.name('golevelup-bare');
    expect(await warnings(subscriberOf(bare, { queueOptions: durable }), bare)).toEqual(BOTH);
    const whole = broker.name('golevelup-complete');
    expect(await warnings(subscriberOf(whole, { queueOptions: complete }), whole)).toEqual([]);
  });

  it('is none of ours where somebody else declares it', async () => {
    const queue = await declared('golevelup-foreign');
    const foreign = subscriberOf(queue, { createQueueIfNotExists: false });
    expect(await warnings(foreign, queue)).toEqual([]);
  });
});
