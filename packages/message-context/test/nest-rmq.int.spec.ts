import 'reflect-metadata';
import {
  BadRequestException,
  Controller,
  Module,
  UseGuards,
  type CanActivate,
} from '@nestjs/common';
import {
  Ctx,
  EventPattern,
  MessagePattern,
  Payload,
  RmqContext,
  Transport,
} from '@nestjs/microservices';
import type { INestMicroservice } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { testBroker, waitFor, type TestBroker } from '@acme/internal-testing';
import {
  DeadLetter,
  Discard,
  MessageContext,
  MessageContextModule,
  NonRetryableError,
  PlainJsonDeserializer,
  Requeue,
  RetryLater,
} from '@acme/nest-message-context';
import { of, throwError } from 'rxjs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Body, currentId, ProbeModule } from './support/probe.js';

interface Handled {
  readonly by: string;
  readonly correlationId: string | undefined;
  readonly attempt: number | undefined;
}

const handled: Handled[] = [];
const note = (by: string): void => {
  handled.push({
    by,
    correlationId: currentId(),
    attempt: MessageContext.current()?.message.attempt,
  });
};
const times = (by: string): number => handled.filter((one) => one.by === by).length;

class Refuse implements CanActivate {
  canActivate(): boolean {
    note('guard');
    return false;
  }
}

class RequireNumber {
  transform(value: { n?: unknown }): unknown {
    if (typeof value.n !== 'number') throw new BadRequestException('n must be a number');
    return value;
  }
}

@Controller()
class Consumer {
  @EventPattern('returns')
  returns(): void {
    note('returns');
  }

  @EventPattern('observable')
  observable(): unknown {
    note('observable');
    return of(1, 2);
  }

  @EventPattern('fails-once')
  async failsOnce(): Promise<void> {
    note('fails-once');
    if (times('fails-once') === 1) throw new RetryLater({ after: 5 });
  }

  @EventPattern('observable-fails-once')
  observableFailsOnce(): unknown {
    note('observable-fails-once');
    return times('observable-fails-once') === 1 ? throwError(() => new Requeue()) : of(1);
  }

  @EventPattern('poison')
  poison(): void {
    note('poison');
    throw new NonRetryableError('POISON');
  }

  @EventPattern('returned-signal')
  returnedSignal(): unknown {
    return new DeadLetter('RETURNED');
  }

  @EventPattern('discarded')
  discarded(): void {
    note('discarded');
    throw new Discard('OLD_NEWS');
  }

  @EventPattern('invalid')
  invalid(@Payload(new RequireNumber()) _payload: unknown): void {
    note('invalid: handler ran');
  }

  @UseGuards(Refuse)
  @EventPattern('guarded')
  guarded(): void {
    note('guarded: handler ran');
  }

  @Body()
  @EventPattern('acks-by-hand')
  async acksByHand(
    @Payload() { fail }: { fail?: boolean },
    @Ctx() context: RmqContext,
  ): Promise<void> {
    note('acks-by-hand');
    const channel = context.getChannelRef() as { ack(message: unknown): void };
    channel.ack(context.getMessage());
    channel.ack(context.getMessage());
    if (fail && times('acks-by-hand') === 1) throw new RetryLater({ after: 5 });
  }

  @EventPattern('nacks-by-hand')
  async nacksByHand(@Ctx() context: RmqContext): Promise<void> {
    const channel = context.getChannelRef() as {
      nack(message: unknown, all: boolean, requeue: boolean): void;
    };
    channel.nack(context.getMessage(), false, false);
  }

  @MessagePattern('adds')
  async adds(@Payload() [a, b]: [number, number]): Promise<number> {
    note('adds');
    return a + b;
  }

  @MessagePattern('fails-once-for-events')
  async failsOnceForEvents(): Promise<void> {
    note('fails-once-for-events');
    if (times('fails-once-for-events') === 1) throw new RetryLater({ after: 5 });
  }

  @MessagePattern('returns-signal')
  async returnsSignal(): Promise<unknown> {
    return new NonRetryableError('RETURNED');
  }

  @MessagePattern('refuses')
  async refuses(): Promise<never> {
    note('refuses');
    throw new NonRetryableError('REFUSED');
  }

  @EventPattern('two-handlers')
  async first(): Promise<void> {
    note('two-handlers: first');
  }
}

@Controller()
class SecondConsumer {
  @Body()
  @EventPattern('two-handlers')
  async second(): Promise<void> {
    note('two-handlers: second');
  }
}

@Module({
  imports: [MessageContextModule.forRoot(), ProbeModule],
  controllers: [Consumer, SecondConsumer],
})
class ConsumerModule {}

describe('stock Nest RabbitMQ', () => {
  let broker: TestBroker;
  let app: INestMicroservice;
  let queue: string;

  beforeAll(async () => {
    broker = await testBroker();
    queue = broker.name('orders');
    const channel = await broker.channel();
    await channel.assertExchange(broker.name('dead'), 'fanout', { durable: true });
    await channel.assertQueue(broker.name('parked'), { durable: true });
    await channel.bindQueue(broker.name('parked'), broker.name('dead'), '');
    await channel.close();
    const module = await Test.createTestingModule({ imports: [ConsumerModule] }).compile();
    app = module.createNestMicroservice({
      transport: Transport.RMQ,
      options: {
        urls: [broker.url],
        queue,
        queueOptions: { durable: true, deadLetterExchange: broker.name('dead') },
        noAck: false,
        prefetchCount: 1,
        deserializer: new PlainJsonDeserializer(),
      },
      logger: false,
    });
    await app.listen();
  });

  afterAll(() => app.close());

  beforeEach(() => {
    handled.length = 0;
  });

  afterEach(async () => {
    // Prefetch is 1: one delivery that nobody settled would stop everything that follows.
    const before = times('returns');
    await publish('returns', {});
    await waitFor(() => times('returns') === before + 1, { what: 'the consumer to be free again' });
  });

  const bodyOf = (payload: unknown): Buffer =>
    Buffer.isBuffer(payload) ? payload : Buffer.from(JSON.stringify(payload));

  async function publish(
    type: string,
    payload: unknown,
    properties: Record<string, unknown> = {},
  ): Promise<void> {
    const channel = await broker.confirmChannel();
    channel.sendToQueue(queue, bodyOf(payload), { type, ...properties });
    await channel.waitForConfirms();
    await channel.close();
  }

  async function request(
    type: string,
    payload: unknown,
  ): Promise<{ err?: unknown; response?: unknown }> {
    const channel = await broker.channel();
    try {
      return await new Promise((reply) => {
        void channel
          .consume(
            'amq.rabbitmq.reply-to',
            (m) => m && reply(JSON.parse(m.content.toString()) as never),
            { noAck: true },
          )
          .then(() =>
            channel.sendToQueue(queue, bodyOf(payload), {
              type,
              replyTo: 'amq.rabbitmq.reply-to',
              correlationId: 'request-1',
            }),
          );
      });
    } finally {
      await channel.close();
    }
  }

  const parked = async (): Promise<number> =>
    (await broker.queue(broker.name('parked')))?.messages ?? 0;

  async function expectParked(type: string, payload: unknown = {}): Promise<void> {
    const before = await parked();
    await publish(type, payload);
    await waitFor(async () => (await parked()) === before + 1, { what: `${type} to be parked` });
  }

  it('acks what returns, Observables after their end', async () => {
    await publish('observable', {});
    await waitFor(() => times('observable') === 1);
    await publish('returns', {});
    await waitFor(() => times('returns') === 1);
    expect(await parked()).toBe(0);
  });

  it('takes over the correlation id of the header, else of the AMQP property, else makes one', async () => {
    await publish(
      'returns',
      {},
      { headers: { 'X-Correlation-Id': 'from-header' }, correlationId: 'from-property' },
    );
    await publish('returns', {}, { correlationId: 'from-property' });
    await publish('returns', {});
    await waitFor(() => times('returns') === 3);
    expect(handled.map(({ correlationId }) => correlationId)).toEqual([
      'from-header',
      'from-property',
      expect.stringMatching(/^[0-9a-f-]{36}$/),
    ]);
  });

  it('redelivers what failed for a passing reason, with the attempt counted', async () => {
    await publish('fails-once', {});
    await waitFor(() => times('fails-once') === 2);
    expect(handled.map(({ attempt }) => attempt)).toEqual([1, 2]);
  });

  it('settles an Observable that fails by its error', async () => {
    await publish('observable-fails-once', {});
    await waitFor(() => times('observable-fails-once') === 2);
  });

  it('parks what its error blames, at once', async () => {
    await expectParked('poison');
    expect(times('poison')).toBe(1);
  });

  it('obeys a returned signal like a thrown one', () => expectParked('returned-signal'));

  it('parks what a pipe refuses, although Nest hides the error', async () => {
    await expectParked('invalid', { n: 'not a number' });
    expect(times('invalid: handler ran')).toBe(0);
  });

  it('parks what is not JSON, without running the handler', async () => {
    await expectParked('returns', Buffer.from('not json'));
    expect(times('returns')).toBe(0);
  });

  it('opens the context before guards, and settles what they refuse', async () => {
    await publish('guarded', {}, { headers: { 'x-correlation-id': 'guarded-1' } });
    await waitFor(() => times('guard') >= 1);
    expect(handled[0]).toMatchObject({ by: 'guard', correlationId: 'guarded-1' });
    await waitFor(async () => (await parked()) > 0, { what: 'the refused message to be parked' });
  });

  it('acks what is discarded', async () => {
    const before = await parked();
    await publish('discarded', {});
    await waitFor(() => times('discarded') === 1);
    expect(await parked()).toBe(before);
  });

  it('lets code ack by hand, twice even, without a channel error', async () => {
    await publish('acks-by-hand', {});
    await waitFor(() => times('acks-by-hand') === 1);
  });

  it('drops an ack by hand when the handler fails after it', async () => {
    await publish('acks-by-hand', { fail: true });
    await waitFor(() => times('acks-by-hand') === 2);
  });

  it('lets code nack by hand', () => expectParked('nacks-by-hand'));

  it('answers a request and acks it', async () => {
    expect(await request('adds', [2, 3])).toMatchObject({ response: 5 });
    expect(handled).toHaveLength(1);
  });

  it('answers a failed request with the error and does not run it again', async () => {
    expect(await request('refuses', {})).toHaveProperty('err');
    await publish('returns', {});
    await waitFor(() => times('returns') === 1);
    expect(times('refuses')).toBe(1);
  });

  it('answers a request with the signal that its handler returns', async () => {
    expect(await request('returns-signal', {})).toMatchObject({ err: { code: 'RETURNED' } });
  });

  it('answers a request that it cannot read, and acks it', async () => {
    expect(await request('adds', Buffer.from('not json'))).toMatchObject({
      err: { code: 'MESSAGE_UNREADABLE' },
    });
  });

  it('does not take an event for a request because a request handler gets it', async () => {
    await publish('fails-once-for-events', {});
    await waitFor(() => times('fails-once-for-events') === 2);
  });

  it('gives each of two handlers of one event its own context with the same correlation', async () => {
    await publish('two-handlers', {}, { headers: { 'x-correlation-id': 'both' } });
    await waitFor(() => times('two-handlers: second') === 1 && times('two-handlers: first') === 1);
    expect(handled.map(({ correlationId }) => correlationId)).toEqual(['both', 'both']);
  });
});
