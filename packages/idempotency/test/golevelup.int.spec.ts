import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import {
  AmqpConnection,
  Nack,
  RabbitMQModule,
  RabbitRPC,
  RabbitSubscribe,
} from '@golevelup/nestjs-rabbitmq';
import {
  ClassSerializerInterceptor,
  HttpException,
  Injectable,
  Module,
  UseInterceptors,
} from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import {
  openContext,
  testBroker,
  testRedis,
  waitFor,
  type TestRedis,
} from '@acme/internal-testing';
import { Idempotent, IdempotencyModule, RedisIdempotencyStore } from '@acme/nest-idempotency';
import { NonRetryableError } from '@acme/nest-message-context';
import type { Channel } from 'amqplib';
import { Exclude } from 'class-transformer';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

// Here and not in a hook: the decorators need its names.
const broker = await testBroker();
const EXCHANGE = broker.name('payments');
const PARKED = broker.name('parked');
const handled: string[] = [];
let thrown: unknown;
const times = (by: string): number => handled.filter((one) => one === by).length;

const queue = (name: string) => ({
  exchange: EXCHANGE,
  routingKey: name,
  queue: broker.name(name),
  queueOptions: {
    durable: false,
    channel: 'one-by-one',
    deadLetterExchange: '',
    deadLetterRoutingKey: PARKED,
  },
});

class Receipt {
  readonly id = 7;
  @Exclude() readonly card = 'SECRET';
}

@Injectable()
class Notifications {
  @RabbitSubscribe(queue('captured'))
  @Idempotent()
  async onCaptured(event: { key: string }): Promise<void> {
    handled.push('captured', event.key);
  }

  @Idempotent({ name: 'other' })
  @RabbitSubscribe(queue('other'))
  async other(): Promise<void> {
    handled.push('other');
  }

  @Idempotent()
  @RabbitSubscribe(queue('nack-once'))
  async nackOnce() {
    handled.push('nack-once');
    return times('nack-once') === 1 ? new Nack(true) : undefined;
  }

  @Idempotent()
  @RabbitSubscribe(queue('nack-for-good'))
  async nackForGood() {
    handled.push('nack-for-good');
    return new Nack(false);
  }

  @Idempotent({ storeIf: () => true })
  @RabbitSubscribe(queue('final'))
  async final(): Promise<void> {
    handled.push('final');
    if (thrown) throw thrown;
  }

  @Idempotent()
  @RabbitRPC(queue('ask'))
  async ask({ n }: { n: number }) {
    handled.push('ask');
    return { n, run: times('ask') };
  }

  @Idempotent()
  @UseInterceptors(ClassSerializerInterceptor)
  @RabbitRPC(queue('receipt'))
  async receipt() {
    handled.push('receipt');
    return new Receipt();
  }
}

describe('golevelup, Redis, lease mode', () => {
  let channel: Channel;
  let rabbit: AmqpConnection;
  let id: string;
  let redis: TestRedis;

  beforeAll(async () => {
    redis = await testRedis();
    channel = await broker.channel();
    await channel.assertQueue(PARKED, { durable: false });
    @Module({
      imports: [
        RabbitMQModule.forRoot({
          uri: broker.url,
          exchanges: [{ name: EXCHANGE, type: 'topic', options: { durable: false } }],
          channels: { 'one-by-one': { prefetchCount: 1 } },
          connectionInitOptions: { wait: true },
        }),
        IdempotencyModule.forRoot({
          namespace: 'notifications',
          store: new RedisIdempotencyStore(redis.client, { prefix: redis.prefix }),
          retryAfter: '20ms',
        }),
      ],
      providers: [Notifications],
    })
    class NotificationsModule {}
    const { app } = await openContext(NotificationsModule);
    rabbit = app.get(AmqpConnection);
  });

  beforeEach(() => {
    handled.length = 0;
    id = randomUUID();
  });

  const publish = (name: string, messageId = id, body = { key: id }) =>
    void channel.publish(EXCHANGE, name, Buffer.from(JSON.stringify(body)), { messageId });

  /** Prefetch is 1: what was published last is handled only after all before it was settled. */
  const settled = async (): Promise<void> => {
    const mark = randomUUID();
    publish('captured', mark, { key: mark });
    await waitFor(() => times(mark) === 1);
  };

  it('has one effect for an event that comes twice, and acks both', async () => {
    publish('captured');
    publish('captured');
    await settled();
    expect(times(id)).toBe(1);
    expect(await broker.take(PARKED)).toEqual([]);
  });

  it('keeps handlers apart: each gets its own copy of one event', async () => {
    publish('captured');
    publish('other');
    await waitFor(() => times('captured') === 1 && times('other') === 1);
  });

  it('never takes a Nack for a success', async () => {
    publish('nack-once');
    await waitFor(() => times('nack-once') === 2);
    publish('nack-for-good');
    await waitFor(() => broker.queue(PARKED).then((state) => state?.messages === 1));
    publish('nack-for-good');
    await waitFor(() => times('nack-for-good') === 2);
    await waitFor(() => broker.queue(PARKED).then((state) => state?.messages === 2));
    await broker.take(PARKED);
  });

  it.each<[string, unknown]>([
    ['a signal', new NonRetryableError('NO_SUCH_PAYMENT')],
    ['a status', new HttpException('no such payment', 404)],
    ['an RpcException', new RpcException('no such payment')],
  ])('parks an event with an error that is kept, and its duplicates: %s', async (_what, error) => {
    thrown = error;
    publish('final');
    await waitFor(() => broker.queue(PARKED).then((state) => state?.messages === 1));
    thrown = undefined;
    publish('final');
    await waitFor(() => broker.queue(PARKED).then((state) => state?.messages === 2));
    expect(times('final')).toBe(1);
    await broker.take(PARKED);
  });

  it('parks an event without a key', async () => {
    channel.publish(EXCHANGE, 'captured', Buffer.from('{}'));
    await waitFor(() => broker.queue(PARKED).then((state) => state?.messages === 1));
    expect(handled).toEqual([]);
    await broker.take(PARKED);
  });

  const ask = (routingKey: string) =>
    rabbit.request<object>({
      exchange: EXCHANGE,
      routingKey,
      payload: { n: 1 },
      headers: { 'idempotency-key': id },
    });

  it('answers a repeated request with the stored reply', async () => {
    const first = await ask('ask');
    expect(await ask('ask')).toEqual(first);
    expect(first).toEqual({ n: 1, run: 1 });
    expect(times('ask')).toBe(1);
  });

  it('stores of a reply what its serializer leaves', async () => {
    expect(await ask('receipt')).toEqual({ id: 7 });
    expect(await ask('receipt')).toEqual({ id: 7 });
    expect(times('receipt')).toBe(1);
    const records = await redis.client.keys(`${redis.prefix}*`);
    const stored = await Promise.all(records.map((key) => redis.client.get(key)));
    expect(JSON.stringify(stored)).not.toContain('SECRET');
  });
});
