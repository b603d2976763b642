import 'reflect-metadata';
import {
  openContext,
  openMicroservice,
  tcpProxy,
  testBroker,
  waitFor,
  type TestBroker,
} from '@acme/internal-testing';
import {
  MessageContext,
  MessageContextModule,
  NonRetryableError,
  RetryLater,
  statusOf,
} from '@acme/nest-message-context';
import { RabbitMqModule } from '@acme/nest-rabbitmq';
import { ReliableClientRMQ, ReliableRmqServer } from '@acme/nest-rabbitmq/nest';
import {
  AmqpConnection,
  RabbitMQModule,
  RabbitPayload,
  RabbitRPC,
} from '@golevelup/nestjs-rabbitmq';
import {
  BadRequestException,
  Controller,
  Injectable,
  Module,
  NotFoundException,
} from '@nestjs/common';
import {
  EventPattern,
  MessagePattern,
  Payload,
  RmqRecordBuilder,
  Transport,
} from '@nestjs/microservices';
import { connect } from 'amqplib';
import { firstValueFrom, lastValueFrom, of, toArray } from 'rxjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

let broker: TestBroker;
beforeAll(async () => {
  broker = await testBroker();
});

const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).toReversed()) await close();
});

interface Seen {
  readonly how: unknown;
  readonly deadline: number | undefined;
  readonly expiration: unknown;
}
const seen: Seen[] = [];
let held: Promise<unknown> | undefined;
let relay: () => Promise<unknown>;
beforeEach(() => {
  seen.length = 0;
  held = undefined;
});

async function answer({ how }: { readonly how: string }): Promise<unknown> {
  const { message } = MessageContext.require();
  const { properties } = message.raw as { properties: { expiration?: unknown } };
  seen.push({ how, deadline: message.deadline, expiration: properties.expiration });
  await held;
  switch (how) {
    case 'succeeds':
      return { total: 700 };
    case 'says nothing':
      return undefined;
    case 'refuses':
      throw new NonRetryableError('OUT_OF_STOCK', {
        message: 'three are left',
        status: { http: 409, grpc: 10, reason: 'OUT_OF_STOCK' },
      });
    case 'is busy':
      throw new RetryLater({ after: 250, code: 'BUSY', message: 'come back' });
    case 'finds none':
      throw new NotFoundException('no order 7');
    case 'validates':
      throw new BadRequestException(['id is no number', 'name is missing']);
    default:
      throw new Error('a secret');
  }
}

@Controller()
class NestOrders {
  @MessagePattern('total')
  total(@Payload() payload: { how: string }): Promise<unknown> {
    return answer(payload);
  }

  @MessagePattern('each')
  each(): unknown {
    return of(1, 2, 3);
  }

  @MessagePattern('relayed')
  relayed(): unknown {
    return relay();
  }

  @MessagePattern('huge')
  huge(): bigint {
    return 10n;
  }

  @EventPattern('noted')
  noted(@Payload() payload: { how: string }): Promise<unknown> {
    return answer(payload);
  }
}

const imports = (url = broker.url) => [
  MessageContextModule.forRoot(),
  RabbitMqModule.forRoot({
    connect: () => connect(url),
    retry: { attempts: 3, initial: 100, jitter: false },
  }),
];

let count = 0;
const newQueue = (): string => {
  const queue = broker.name(`rpc-${(count += 1)}`);
  for (const suffix of ['dlq', 'retry.100', 'retry.200']) broker.name(`rpc-${count}.${suffix}`);
  return queue;
};

interface Server {
  readonly queue: string;
  readonly exchange?: string;
  /** golevelup has one application in a process. */
  readonly connection?: AmqpConnection;
}
type OpenServer = (url?: string) => Promise<Server>;

const openNest: OpenServer = async (url = broker.url) => {
  const queue = newQueue();
  @Module({ imports: imports(), controllers: [NestOrders] })
  class AppModule {}
  const options = {
    urls: [url],
    queue,
    noAck: false,
    queueOptions: { durable: true },
    prefetchCount: 10,
    socketOptions: { reconnectTimeInSeconds: 0.1 },
  };
  const { close } = await openMicroservice(AppModule, { transport: Transport.RMQ, options });
  cleanup.push(close);
  return { queue };
};

const openReliable: OpenServer = async (url = broker.url) => {
  const queue = newQueue();
  @Module({ imports: imports(), controllers: [NestOrders] })
  class AppModule {}
  const socketOptions = { reconnectTimeInSeconds: 0.1 };
  const strategy = new ReliableRmqServer({
    urls: [url],
    queue,
    queueOptions: { durable: true },
    socketOptions,
  });
  const { close } = await openMicroservice(AppModule, { strategy });
  cleanup.push(close);
  return { queue };
};

const golevelup = (url: string) =>
  RabbitMQModule.forRoot({
    uri: url,
    connectionInitOptions: { wait: true },
    connectionManagerOptions: { reconnectTimeInSeconds: 0.1 },
    prefetchCount: 10,
  });

const openGolevelup: OpenServer = async (url = broker.url) => {
  const queue = newQueue();
  @Injectable()
  class Orders {
    @RabbitRPC({
      exchange: 'amq.direct',
      routingKey: queue,
      queue,
      queueOptions: { durable: true },
    })
    total(@RabbitPayload() payload: { how: string }): Promise<unknown> {
      return answer(payload);
    }
  }
  @Module({ imports: [...imports(), golevelup(url)], providers: [Orders] })
  class AppModule {}
  const { close, app } = await openContext(AppModule);
  cleanup.push(close);
  return { queue, exchange: 'amq.direct', connection: app.get(AmqpConnection) };
};

interface Caller {
  ask(how: string, timeout?: number): Promise<unknown>;
}
type OpenCaller = (server: Server) => Promise<Caller>;

function clientOf(queue: string, options: object = {}): ReliableClientRMQ {
  const client = new ReliableClientRMQ({
    urls: [broker.url],
    queue,
    queueOptions: { durable: true },
    ...options,
  });
  cleanup.push(() => client.close());
  return client;
}

const nestCaller: OpenCaller = async ({ queue }) => {
  const client = clientOf(queue);
  return {
    ask: (how, timeout) => {
      const data =
        timeout === undefined
          ? { how }
          : new RmqRecordBuilder({ how }).setOptions({ expiration: timeout }).build();
      return lastValueFrom(client.send('total', data), { defaultValue: undefined });
    },
  };
};

const golevelupCaller: OpenCaller = async ({ queue, exchange = '', connection }) => {
  const caller = connection ?? (await openGolevelupCaller());
  return {
    ask: (how, timeout) =>
      caller.request({
        exchange,
        routingKey: queue,
        payload: { how },
        publishOptions: { type: 'total' },
        ...(timeout !== undefined && { timeout }),
      }),
  };
};

async function openGolevelupCaller(): Promise<AmqpConnection> {
  @Module({ imports: [...imports(), golevelup(broker.url)] })
  class CallerModule {}
  const { app, close } = await openContext(CallerModule);
  cleanup.push(close);
  return app.get(AmqpConnection);
}

const PAIRS: [pair: string, openServer: OpenServer, openCaller: OpenCaller][] = [
  ['ReliableClientRMQ to Nest RMQ', openNest, nestCaller],
  ['ReliableClientRMQ to ReliableRmqServer', openReliable, nestCaller],
  ['golevelup to ReliableRmqServer', openReliable, golevelupCaller],
  ['golevelup to golevelup', openGolevelup, golevelupCaller],
];

async function empties(queue: string): Promise<void> {
  await waitFor(async () => (await broker.queue(queue))?.messages === 0);
}

describe.each(PAIRS)('a request from %s', (_, openServer, openCaller) => {
  const open = async () => {
    const server = await openServer();
    return { ...server, ...(await openCaller(server)) };
  };

  it('is answered, and says until when it is waited for', async () => {
    const { ask, queue } = await open();
    const from = Date.now();
    await expect(ask('succeeds', 5_000)).resolves.toEqual({ total: 700 });
    const [{ deadline, expiration } = {}] = seen;
    expect(Number(expiration)).toBe(5_000);
    expect(deadline).toBeGreaterThanOrEqual(from + 5_000);
    expect(deadline).toBeLessThanOrEqual(Date.now() + 5_000);
    await expect(ask('says nothing')).resolves.toBeUndefined();
    await empties(queue);
  });

  it('is answered with what its handler has thrown, once', async () => {
    const { ask, queue } = await open();
    const failure = await ask('refuses').catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'RABBITMQ_RPC_FAILED',
      reason: 'OUT_OF_STOCK',
      statusCode: 409,
      message: 'three are left',
    });
    expect(statusOf(failure)).toEqual({ http: 409, grpc: 10, reason: 'OUT_OF_STOCK' });
    await expect(ask('is busy')).rejects.toMatchObject({ reason: 'BUSY', retryAfterMs: 250 });
    await expect(ask('finds none')).rejects.toMatchObject({
      reason: 'HTTP_404',
      statusCode: 404,
      message: 'no order 7',
    });
    await expect(ask('validates')).rejects.toMatchObject({
      statusCode: 400,
      message: 'id is no number; name is missing',
    });
    await expect(ask('breaks')).rejects.toMatchObject({
      statusCode: 500,
      message: 'Internal server error',
    });
    expect(seen).toHaveLength(5);
    await empties(queue);
  });

  it('ends in time, and is not handled after that', async () => {
    const { ask, queue } = await open();
    let release!: () => void;
    held = new Promise<void>((done) => (release = done));
    const failure = await ask('succeeds', 100).catch((error: unknown) => error);
    expect(statusOf(failure)).toMatchObject({ http: 504, grpc: 4, reason: 'RPC_TIMEOUT' });
    release();
    await empties(queue);
    await expect(ask('succeeds')).resolves.toEqual({ total: 700 });
  });

  it('that comes after its deadline is not handled', async () => {
    const server = await openServer();
    const isPlain = openCaller !== nestCaller;
    const request = await rawRequest(server, isPlain);
    request.publish({ 'x-deadline': Date.now() - 1 });
    const reply = await request.reply();
    expect(isPlain ? reply : (reply as { err?: unknown }).err).toMatchObject({
      status: 'error',
      code: 'DEADLINE_EXCEEDED',
      statusCode: 504,
    });
    expect(seen).toEqual([]);
    request.publish({ 'x-deadline': Date.now() + 10_000 });
    await waitFor(() => seen.length === 1);
  });
});

/** By hand, to a queue of its own. */
async function rawRequest({ queue, exchange = '' }: Server, isPlain: boolean) {
  const replies = broker.name(`${queue}.replies`);
  const channel = await broker.confirmChannel();
  await channel.assertQueue(replies);
  const data = { how: 'succeeds' };
  const body = JSON.stringify(isPlain ? data : { pattern: 'total', data, id: 'c-1' });
  return {
    publish: (headers: object = {}) =>
      channel.publish(exchange, queue, Buffer.from(body), {
        replyTo: replies,
        correlationId: 'c-1',
        headers,
        ...(isPlain && { type: 'total' }),
      }),
    async reply(): Promise<unknown> {
      await waitFor(async () => (await broker.queue(replies))?.messages === 1);
      const [reply] = await broker.take(replies);
      expect(reply!.properties.correlationId).toBe('c-1');
      return JSON.parse(reply!.content.toString());
    },
  };
}

describe.each([
  ['Nest RMQ', openNest, false],
  ['ReliableRmqServer', openReliable, false],
  ['ReliableRmqServer, no packet of Nest’s,', openReliable, true],
  ['golevelup', openGolevelup, true],
] as [string, OpenServer, boolean][])(
  'a request to %s whose reply is not confirmed',
  (_, openServer, isPlain) => {
    it('is not acked: it is handled again once the connection is gone', async () => {
      const proxy = await tcpProxy(broker.url);
      cleanup.push(() => proxy.close());
      const { publish, reply } = await rawRequest(await openServer(proxy.url), isPlain);
      let release!: () => void;
      held = new Promise<void>((done) => (release = done));
      publish();
      await waitFor(() => seen.length === 1);
      // From now on what the server sends reaches the broker, and no confirm comes back.
      proxy.halfOpen('replies');
      held = undefined;
      release();
      // The reply does, and so would an ack.
      await reply();
      proxy.cut();
      proxy.restore();
      await waitFor(() => seen.length === 2);
    });
  },
);

describe('a request that ReliableClientRMQ makes', () => {
  it('fails at once where there is no queue', async () => {
    const client = clientOf(broker.name('nowhere'), { noAssert: true });
    await expect(firstValueFrom(client.send('total', {}))).rejects.toMatchObject({
      code: 'RABBITMQ_RPC_UNROUTABLE',
      message: expect.stringContaining('"total" came to no queue') as string,
    });
  });

  it('has no more time than the message that is being handled', async () => {
    const { queue } = await openReliable();
    const client = clientOf(queue);
    const inner = () => firstValueFrom(client.send('total', { how: 'succeeds' }));
    const outer = (expiration: number) =>
      firstValueFrom(
        client.send('relayed', new RmqRecordBuilder({}).setOptions({ expiration }).build()),
      );
    let deadline: number | undefined;
    relay = () => {
      ({ deadline } = MessageContext.require().message);
      return inner();
    };
    await expect(outer(5_000)).resolves.toEqual({ total: 700 });
    expect(deadline).toBeGreaterThan(Date.now());
    expect(seen).toMatchObject([{ deadline }]);
    let late: unknown;
    relay = async () => {
      await waitFor(() => Date.now() > MessageContext.require().message.deadline!);
      await inner().catch((error: unknown) => (late = error));
    };
    await expect(outer(100)).rejects.toMatchObject({ code: 'RABBITMQ_RPC_TIMEOUT' });
    await waitFor(() => late !== undefined);
    expect(late).toMatchObject({
      code: 'RABBITMQ_RPC_TIMEOUT',
      message: expect.stringContaining('was not asked') as string,
    });
    expect(seen).toHaveLength(1);
  });

  it('brings all values of a stream', async () => {
    const { queue } = await openReliable();
    await expect(lastValueFrom(clientOf(queue).send('each', {}).pipe(toArray()))).resolves.toEqual([
      1, 2, 3,
    ]);
  });

  it('is dropped by the broker when nobody waits any more', async () => {
    const queue = newQueue();
    const failing = firstValueFrom(clientOf(queue, { timeout: 200 }).send('total', {}));
    await waitFor(async () => (await broker.queue(queue))?.messages === 1);
    await expect(failing).rejects.toMatchObject({
      code: 'RABBITMQ_RPC_TIMEOUT',
      message: expect.stringContaining('within 200 ms') as string,
    });
    await empties(queue);
  });

  it('refuses a timeout that is none', () => {
    expect(() => clientOf('x', { timeout: 'soon' })).toThrow(/timeout: "soon"/);
  });
});

describe.each([
  ['Nest RMQ', openNest],
  ['ReliableRmqServer', openReliable],
] as [string, OpenServer][])('a server of %s', (_, openServer) => {
  it('answers with an error what it cannot write down, and goes on', async () => {
    const { queue } = await openServer();
    const client = clientOf(queue);
    await expect(firstValueFrom(client.send('huge', {}))).rejects.toMatchObject({
      code: 'RABBITMQ_RPC_FAILED',
      statusCode: 500,
    });
    await expect(firstValueFrom(client.send('total', { how: 'succeeds' }))).resolves.toBeTruthy();
    await empties(queue);
  });

  it('acks a request that says nowhere to reply, and goes on', async () => {
    const { queue } = await openServer();
    const channel = await broker.confirmChannel();
    const packet = { pattern: 'total', data: { how: 'succeeds' }, id: '1' };
    channel.sendToQueue(queue, Buffer.from(JSON.stringify(packet)));
    await waitFor(() => seen.length === 1);
    const { ask } = await nestCaller({ queue });
    await expect(ask('succeeds')).resolves.toEqual({ total: 700 });
    await empties(queue);
  });
});

describe('an event for Nest RMQ', () => {
  it('is retried when it fails, wherever its sender wants a reply', async () => {
    const { queue } = await openNest();
    const channel = await broker.confirmChannel();
    const packet = { pattern: 'noted', data: { how: 'breaks' } };
    channel.sendToQueue(queue, Buffer.from(JSON.stringify(packet)), {
      replyTo: broker.name('nobody'),
      correlationId: '1',
      messageId: '1',
    });
    await waitFor(() => seen.length === 2);
  });
});
