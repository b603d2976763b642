import 'reflect-metadata';
import {
  BadRequestException,
  Injectable,
  Module,
  UseGuards,
  type CanActivate,
  type INestApplicationContext,
} from '@nestjs/common';
import {
  AmqpConnection,
  Nack,
  RabbitMQModule,
  RabbitPayload,
  RabbitRPC,
  RabbitSubscribe,
} from '@golevelup/nestjs-rabbitmq';
import { Test } from '@nestjs/testing';
import { tcpProxy, testBroker, waitFor, type TcpProxy } from '@acme/internal-testing';
import {
  MessageContext,
  MessageContextModule,
  NonRetryableError,
  RetryLater,
} from '@acme/nest-message-context';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Body, BodyProbe, currentId, Edge, EdgeProbe, ProbeModule } from './support/probe.js';

interface Handled {
  readonly by: string;
  readonly correlationId: string | undefined;
  readonly payload: unknown;
}

const handled: Handled[] = [];
const note = (by: string, payload?: unknown): void => {
  handled.push({ by, correlationId: currentId(), payload });
};
const times = (by: string): number => handled.filter((one) => one.by === by).length;

// Here and not in a hook: the decorators need its names.
const broker = await testBroker();
const EVENTS = broker.name('events');
const DEAD = broker.name('dead');
const PARKED = broker.name('parked');
const queueOptions = { durable: true, deadLetterExchange: DEAD, messageTtl: 60_000 };
const on = (routingKey: string) => ({
  exchange: EVENTS,
  routingKey,
  queue: broker.name(routingKey),
  queueOptions,
});

class Watch implements CanActivate {
  canActivate(): boolean {
    note('guard');
    return true;
  }
}

class RequireNumber {
  transform(value: { n?: unknown }): unknown {
    if (typeof value.n !== 'number') throw new BadRequestException('n must be a number');
    return value;
  }
}

let release: (() => void) | undefined;

@Injectable()
class Subscriber {
  @RabbitSubscribe(on('returns'))
  async returns(payload: unknown): Promise<void> {
    note('returns', payload);
  }

  @UseGuards(Watch)
  @Body()
  @Edge()
  @RabbitSubscribe(on('decorated'))
  async decorated(@RabbitPayload() payload: unknown): Promise<void> {
    note('decorated', payload);
  }

  @RabbitSubscribe(on('fails-once'))
  async failsOnce(): Promise<void> {
    note('fails-once', MessageContext.require().message.attempt);
    if (times('fails-once') === 1) throw new RetryLater({ after: 5 });
  }

  @RabbitSubscribe(on('poison'))
  async poison(): Promise<void> {
    note('poison');
    throw new NonRetryableError('POISON');
  }

  @RabbitSubscribe(on('invalid'))
  async invalid(@RabbitPayload(new RequireNumber()) _payload: unknown): Promise<void> {
    note('invalid: handler ran');
  }

  @RabbitSubscribe(on('nack-value'))
  async nackValue(): Promise<Nack> {
    return new Nack(false);
  }

  @RabbitSubscribe({
    ...on('own-policy'),
    errorHandler: (channel, message) => {
      note('own error handler');
      channel.nack(message, false, false);
    },
  })
  async ownPolicy(): Promise<void> {
    throw new Error('left to the error handler of the user');
  }

  @RabbitSubscribe(on('slow'))
  async slow(): Promise<void> {
    note('slow');
    if (times('slow') === 1) await new Promise<void>((done) => (release = done));
  }

  @RabbitSubscribe(on('unwritable'))
  async unwritable(): Promise<unknown> {
    note('unwritable');
    return { big: 1n };
  }

  @RabbitRPC(on('adds'))
  async adds([a, b]: [number, number]): Promise<{
    sum: number;
    correlationId: string | undefined;
  }> {
    return { sum: a + b, correlationId: currentId() };
  }

  @RabbitSubscribe({ ...on('batch'), batchOptions: { size: 3, timeout: 200 } })
  async batch(payloads: unknown[]): Promise<void> {
    note('batch', payloads);
    if (times('batch') === 1) throw new RetryLater({ after: 5 });
  }
}

describe('golevelup', () => {
  let proxy: TcpProxy;
  let app: INestApplicationContext;

  beforeAll(async () => {
    proxy = await tcpProxy(broker.url);
    const channel = await broker.channel();
    await channel.assertExchange(DEAD, 'fanout', { durable: true });
    await channel.assertQueue(PARKED, { durable: true });
    await channel.bindQueue(PARKED, DEAD, '');
    await channel.close();

    @Module({
      imports: [
        MessageContextModule.forRoot(),
        ProbeModule,
        RabbitMQModule.forRoot({
          uri: proxy.url,
          exchanges: [{ name: EVENTS, type: 'topic' }],
          connectionInitOptions: { wait: true },
          prefetchCount: 3,
          connectionManagerOptions: { reconnectTimeInSeconds: 1 },
          enableDirectReplyTo: true,
        }),
      ],
      providers: [Subscriber],
    })
    class SubscriberModule {}

    const module = await Test.createTestingModule({ imports: [SubscriberModule] }).compile();
    module.useLogger(false);
    app = await module.init();
  });

  afterAll(async () => {
    await app.close();
    await proxy.close();
  });

  beforeEach(() => {
    handled.length = 0;
    app.get(BodyProbe).seen.length = 0;
    app.get(EdgeProbe).seen.length = 0;
    app.get(EdgeProbe).replace = undefined;
  });

  async function publish(
    routingKey: string,
    payload: unknown,
    properties: Record<string, unknown> = {},
  ): Promise<void> {
    const channel = await broker.confirmChannel();
    const content = Buffer.isBuffer(payload) ? payload : Buffer.from(JSON.stringify(payload));
    channel.publish(EVENTS, routingKey, content, properties);
    await channel.waitForConfirms();
    await channel.close();
  }

  const parked = async (): Promise<number> => (await broker.queue(PARKED))?.messages ?? 0;

  async function expectParked(routingKey: string, payload: unknown = {}): Promise<void> {
    const before = await parked();
    await publish(routingKey, payload);
    await waitFor(async () => (await parked()) === before + 1, {
      what: `${routingKey} to be parked`,
    });
  }

  it('opens the context before guards, and runs edge before body', async () => {
    app.get(EdgeProbe).replace = (payload) => ({ ...(payload as object), replaced: true });
    await publish(
      'decorated',
      { n: 1 },
      { headers: { 'x-correlation-id': 'followed' }, messageId: 'm-1' },
    );
    await waitFor(() => times('decorated') === 1);
    expect(handled).toEqual([
      { by: 'guard', correlationId: 'followed', payload: undefined },
      { by: 'decorated', correlationId: 'followed', payload: { n: 1, replaced: true } },
    ]);
    expect(app.get(EdgeProbe).seen).toEqual([
      {
        stage: 'version',
        handler: 'Subscriber.decorated',
        correlationId: 'followed',
        payload: { n: 1 },
      },
    ]);
    expect(app.get(BodyProbe).seen).toEqual([
      {
        stage: 'idempotency',
        handler: 'Subscriber.decorated',
        correlationId: 'followed',
        role: 'handler',
      },
    ]);
  });

  it('redelivers what failed for a passing reason, with the attempt counted', async () => {
    await publish('fails-once', {});
    await waitFor(() => times('fails-once') === 2);
    expect(handled.map(({ payload }) => payload)).toEqual([1, 2]);
  });

  it('parks what its error blames, at once', async () => {
    await expectParked('poison');
    expect(times('poison')).toBe(1);
  });

  it('parks what a pipe refuses', async () => {
    await expectParked('invalid', { n: 'no number' });
    expect(times('invalid: handler ran')).toBe(0);
  });

  it('parks what is not JSON, instead of requeueing it for ever', () =>
    expectParked('returns', Buffer.from('not json')));

  it('honours a Nack that a handler returns', () => expectParked('nack-value'));

  it("leaves errors to the handler's own errorHandler", async () => {
    await expectParked('own-policy');
    expect(times('own error handler')).toBe(1);
  });

  it('answers an RPC inside its context, without taking the reply id for a correlation id', async () => {
    const reply = await app.get(AmqpConnection).request<{ sum: number; correlationId: string }>({
      exchange: EVENTS,
      routingKey: 'adds',
      payload: [2, 3],
      headers: { 'x-correlation-id': 'asked' },
    });
    expect(reply).toEqual({ sum: 5, correlationId: 'asked' });
  });

  it('acks what was handled although its result cannot be written', async () => {
    for (let copy = 0; copy < 5; copy += 1) await publish('unwritable', {});
    // Prefetch is 3: deliveries that nobody settled would stop the queue.
    await waitFor(() => times('unwritable') === 5);
    await waitFor(async () => (await broker.queue(broker.name('unwritable')))?.messages === 0);
  });

  it('settles a batch together', async () => {
    await Promise.all([1, 2, 3].map((n) => publish('batch', { n })));
    await waitFor(() => times('batch') === 2);
    expect(handled[1]?.payload).toHaveLength(3);
    await waitFor(async () => (await broker.queue(broker.name('batch')))?.messages === 0);
  });

  it('survives a connection lost while a handler runs, and handles the message again', async () => {
    await publish('slow', {});
    await waitFor(() => release !== undefined);
    proxy.cut();
    // golevelup acks on the channel that is gone now: unguarded, this is an unhandled rejection and the end of the process.
    release?.();
    proxy.restore();
    await waitFor(() => times('slow') === 2, { deadlineMs: 20_000 });
  });
});
