import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Controller, Module } from '@nestjs/common';
import {
  EventPattern,
  GrpcMethod,
  MessagePattern,
  RpcException,
  Transport,
} from '@nestjs/microservices';
import {
  freePort,
  openMicroservice,
  testBroker,
  testDatabase,
  testRedis,
  waitFor,
  type RecordingLogger,
  type TestBroker,
} from '@acme/internal-testing';
import {
  Idempotent,
  IdempotencyModule,
  PostgresIdempotencyStore,
  RedisIdempotencyStore,
} from '@acme/nest-idempotency';
import { NonRetryableError, PlainJsonDeserializer, RetryLater } from '@acme/nest-message-context';
import { fromPg, TransactionModule } from '@acme/nest-transaction';
import {
  credentials,
  loadPackageDefinition,
  Metadata,
  type Client,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { Channel, GetMessage } from 'amqplib';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

let runs = 0;
let thrown: unknown;
let asked: number[] = [];
let key: string;

const storeIf = (status: number): boolean => {
  asked.push(status);
  return true;
};

beforeEach(() => {
  runs = 0;
  asked = [];
  thrown = undefined;
  key = randomUUID();
});

@Controller()
class Orders {
  @Idempotent({ effect: 'none' })
  @GrpcMethod('Orders', 'Place')
  place(): object {
    runs += 1;
    if (thrown) throw thrown as Error;
    return { id: 'placed', amount: '1' };
  }
}

describe('storeIf on gRPC, PostgreSQL, transaction mode', () => {
  type Place = (
    request: object,
    metadata: Metadata,
    callback: (error: ServiceError | null, reply?: unknown) => void,
  ) => { on(event: 'metadata', listener: (initial: Metadata) => void): void };
  const clients: (Client & { Place: Place })[] = [];
  const protoPath = fileURLToPath(new URL('support/orders.proto', import.meta.url));

  beforeAll(async () => {
    const database = await testDatabase();
    const { orders } = loadPackageDefinition(loadSync(protoPath)) as never as {
      orders: { Orders: new (url: string, how: unknown) => (typeof clients)[0] };
    };
    const start = async () => {
      @Module({
        imports: [
          TransactionModule.forRoot({ adapter: fromPg(database.pool) }),
          IdempotencyModule.forRoot({
            namespace: 'orders',
            store: new PostgresIdempotencyStore({ schema: database.schema }),
            migrate: true,
            principal: false,
            storeIf,
          }),
        ],
        controllers: [Orders],
      })
      class OrdersModule {}
      const url = `127.0.0.1:${await freePort()}`;
      const options = { package: 'orders', protoPath, url };
      await openMicroservice(OrdersModule, { transport: Transport.GRPC, options });
      return new orders.Orders(url, credentials.createInsecure());
    };
    clients.push(await start(), await start());
    return () => clients.forEach((client) => client.close());
  });

  const place = (at: 0 | 1 = 0) =>
    new Promise<{ code?: number; details?: string; replayed: boolean }>((done) => {
      let replayed = false;
      const metadata = new Metadata();
      metadata.set('idempotency-key', key);
      clients[at]!.Place({}, metadata, (error) =>
        done({ ...(error ? { code: error.code, details: error.details } : {}), replayed }),
      ).on('metadata', (initial) => (replayed = initial.get('idempotent-replayed').length > 0));
    });

  it.each<[number, number]>([
    [5, 404],
    [9, 400],
  ])('replays code %d and its message, in every process', async (code, status) => {
    thrown = new RpcException({ code, message: 'no such item' });
    const first = await place();
    expect(first).toMatchObject({ code, replayed: false });
    expect(first.details).toContain('no such item');
    thrown = undefined;
    expect(await place()).toEqual({ ...first, replayed: true });
    expect(await place(1)).toEqual({ ...first, replayed: true });
    expect([runs, asked]).toEqual([1, [status]]);
  });

  it('replays a signal by its status', async () => {
    thrown = new NonRetryableError('ITEM_GONE');
    const first = await place();
    thrown = undefined;
    expect(first).toMatchObject({ code: 9 });
    expect(await place(1)).toEqual({ ...first, replayed: true });
    expect(runs).toBe(1);
  });

  it('runs again where what was answered cannot be kept', async () => {
    thrown = new RpcException({ code: 5, message: 'gone', metadata: new Metadata() });
    const first = await place();
    expect(await place(1)).toEqual(first);
    expect([first.code, first.replayed, runs]).toEqual([5, false, 2]);
  });

  it.each<[number, unknown]>([
    [14, new RpcException({ code: 14, message: 'later' })],
    [4, new RpcException({ code: 4, message: 'slow' })],
    [8, new RpcException({ code: 8, message: 'much' })],
    [13, new RpcException({ code: 13, message: 'bug' })],
    [2, new Error('boom')],
  ])('is never asked about code %d, and the next attempt runs', async (code, error) => {
    thrown = error;
    expect(await place()).toMatchObject({ code });
    thrown = undefined;
    expect(await place()).toEqual({ replayed: false });
    expect([runs, asked]).toEqual([2, []]);
  });
});

@Controller()
class Billing {
  @Idempotent()
  @MessagePattern('ask')
  ask(): object {
    runs += 1;
    if (thrown) throw thrown as Error;
    return { answered: true };
  }

  @Idempotent()
  @EventPattern('happened')
  happened(): void {
    runs += 1;
    if (thrown) throw thrown as Error;
  }
}

describe('storeIf on stock Nest RabbitMQ, Redis, lease mode', () => {
  let broker: TestBroker;
  let channel: Channel;
  let log: RecordingLogger;
  let queue: string;
  let parked: string;
  let replies: string;

  beforeAll(async () => {
    const redis = await testRedis();
    broker = await testBroker();
    channel = await broker.channel();
    [queue, parked, replies] = ['billing', 'parked', 'replies'].map((name) =>
      broker.name(name),
    ) as [string, string, string];
    await channel.assertQueue(parked, { durable: false });
    await channel.assertQueue(replies, { durable: false });
    const store = new RedisIdempotencyStore(redis.client, { prefix: redis.prefix });
    @Module({
      imports: [IdempotencyModule.forRoot({ namespace: 'billing', store, storeIf })],
      controllers: [Billing],
    })
    class BillingModule {}
    ({ log } = await openMicroservice(BillingModule, {
      transport: Transport.RMQ,
      options: {
        urls: [broker.url],
        queue,
        prefetchCount: 1,
        noAck: false,
        deserializer: new PlainJsonDeserializer(),
        queueOptions: {
          durable: false,
          arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': parked },
        },
      },
    }));
  });

  const send = (type: string, properties: object = {}): void =>
    void channel.sendToQueue(queue, Buffer.from('{}'), { type, messageId: key, ...properties });

  const next = async (from: string): Promise<GetMessage> => {
    const [message] = await waitFor(async () => {
      const taken = await broker.take(from, 1);
      return taken.length > 0 ? taken : undefined;
    });
    return message!;
  };

  const ask = async (): Promise<string> => {
    send('ask', { replyTo: replies, correlationId: 'one' });
    return (await next(replies)).content.toString();
  };

  it.each<[string, unknown, object]>([
    ['a text', new RpcException('no such card'), { status: 'error', message: 'no such card' }],
    [
      'an object',
      new RpcException({ reason: 'STOLEN', status: 422, at: [{ b: 1, a: 2 }] }),
      { reason: 'STOLEN', status: 422, at: [{ b: 1, a: 2 }] },
    ],
    ['a signal', new NonRetryableError('CARD_STOLEN'), { code: 'CARD_STOLEN', statusCode: 422 }],
  ])(
    'replays the same bytes for %s, and says nothing more in the log',
    async (_, error, answer) => {
      thrown = error;
      const first = await ask();
      expect(JSON.parse(first)).toMatchObject({ err: answer, isDisposed: true });
      thrown = undefined;
      const lines = log.messages('error').length;
      expect(await ask()).toBe(first);
      expect(runs).toBe(1);
      expect(log.messages('error')).toHaveLength(lines);
    },
  );

  it.each<[string, unknown]>([
    ['a signal', new NonRetryableError('NO_SUCH_ACCOUNT')],
    ['an RpcException', new RpcException('no such account')],
  ])('parks an event with %s, and its duplicates without running', async (_what, error) => {
    thrown = error;
    send('happened');
    expect((await next(parked)).properties.messageId).toBe(key);
    thrown = undefined;
    send('happened');
    await next(parked);
    expect(runs).toBe(1);
    // Nothing was left to be tried again.
    await waitFor(() => broker.queue(queue).then((state) => state?.messages === 0));
  });

  it('keeps no error that asks for another attempt', async () => {
    thrown = new RetryLater({
      after: 10,
      status: { http: 422, grpc: 9, reason: 'NOT_YET' },
    });
    send('happened');
    await waitFor(() => runs >= 2);
    thrown = undefined;
    await waitFor(() => broker.queue(queue).then((state) => state?.messages === 0));
    expect(await broker.take(parked)).toEqual([]);
    expect(asked).toEqual([]);
  });
});
