import 'reflect-metadata';
import {
  openContext,
  openMicroservice,
  testBroker,
  waitFor,
  type TestBroker,
} from '@acme/internal-testing';
import {
  MessageContext,
  MessageContextModule,
  NonRetryableError,
  RetryLater,
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
  type Type,
} from '@nestjs/common';
import {
  EventPattern,
  MessagePattern,
  Payload,
  RmqRecordBuilder,
  Transport,
} from '@nestjs/microservices';
import { connect } from 'amqplib';
import { lastValueFrom, of } from 'rxjs';
import { afterEach, beforeAll, beforeEach, expect } from 'vitest';

let broker: TestBroker;
const cleanup: (() => unknown)[] = [];

interface Seen {
  readonly how: unknown;
  readonly deadline: number | undefined;
  readonly expiration: unknown;
}

/** What the handlers of all servers do, and have seen. */
export const orders: {
  readonly seen: Seen[];
  /** They go on when it resolves. */
  held: Promise<unknown> | undefined;
  /** What `relayed` does. */
  relay: () => Promise<unknown>;
} = { seen: [], held: undefined, relay: async () => {} };

/** Called once by a spec file. */
export function useBroker(): { readonly broker: () => TestBroker; readonly later: typeof later } {
  beforeAll(async () => {
    broker = await testBroker();
  });
  beforeEach(() => {
    orders.seen.length = 0;
    orders.held = undefined;
  });
  afterEach(async () => {
    for (const close of cleanup.splice(0).toReversed()) await close();
  });
  return { broker: () => broker, later };
}

/** Closes behind the test, the youngest first. */
const later = (close: () => unknown): void => void cleanup.push(close);

async function answer({ how }: { readonly how: string }): Promise<unknown> {
  const { message } = MessageContext.require();
  const { properties } = message.raw as { properties: { expiration?: unknown } };
  orders.seen.push({ how, deadline: message.deadline, expiration: properties.expiration });
  await orders.held;
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
    return orders.relay();
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
export const newQueue = (): string => {
  const queue = broker.name(`rpc-${(count += 1)}`);
  for (const suffix of ['dlq', 'retry.100', 'retry.200']) broker.name(`rpc-${count}.${suffix}`);
  return queue;
};

export interface Server {
  readonly queue: string;
  readonly exchange?: string;
  /** golevelup has one application in a process. */
  readonly connection?: AmqpConnection;
}
export type OpenServer = (url?: string) => Promise<Server>;

export const openNest: OpenServer = async (url = broker.url) => {
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

export async function openWith(
  queue: string,
  controller: Type<unknown>,
  url = broker.url,
): Promise<void> {
  @Module({ imports: imports(), controllers: [controller] })
  class AppModule {}
  const socketOptions = { reconnectTimeInSeconds: 0.1 };
  const queueOptions = { durable: true };
  const strategy = new ReliableRmqServer({ urls: [url], queue, queueOptions, socketOptions });
  const { close } = await openMicroservice(AppModule, { strategy });
  cleanup.push(close);
}

export const openReliable: OpenServer = async (url) => {
  const queue = newQueue();
  await openWith(queue, NestOrders, url);
  return { queue };
};

const golevelup = (url: string) =>
  RabbitMQModule.forRoot({
    uri: url,
    connectionInitOptions: { wait: true },
    connectionManagerOptions: { reconnectTimeInSeconds: 0.1 },
    prefetchCount: 10,
  });

export const openGolevelup: OpenServer = async (url = broker.url) => {
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
  ask(how: string, timeout?: number, headers?: object): Promise<unknown>;
}
/** @param url how its broker is reached, where that is not directly */
export type OpenCaller = (server: Server, url?: string) => Promise<Caller>;

export function clientOf(queue: string, options: object = {}): ReliableClientRMQ {
  const client = new ReliableClientRMQ({
    urls: [broker.url],
    queue,
    queueOptions: { durable: true },
    ...options,
  });
  cleanup.push(() => client.close());
  return client;
}

const socketOptions = { reconnectTimeInSeconds: 0.1 };

export const nestCaller: OpenCaller = async ({ queue }, url = broker.url) => {
  const client = clientOf(queue, { urls: [url], socketOptions });
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

export const golevelupCaller: OpenCaller = async (
  { queue, exchange = '', connection },
  url = broker.url,
) => {
  const caller = connection ?? (await openGolevelupCaller(url));
  return {
    ask: (how, timeout, headers) =>
      caller.request({
        exchange,
        routingKey: queue,
        payload: { how },
        publishOptions: { type: 'total' },
        ...(headers && { headers }),
        ...(timeout !== undefined && { timeout }),
      }),
  };
};

async function openGolevelupCaller(url: string): Promise<AmqpConnection> {
  @Module({ imports: [...imports(), golevelup(url)] })
  class CallerModule {}
  const { app, close } = await openContext(CallerModule);
  cleanup.push(close);
  return app.get(AmqpConnection);
}

export const PAIRS: [pair: string, openServer: OpenServer, openCaller: OpenCaller][] = [
  ['ReliableClientRMQ to Nest RMQ', openNest, nestCaller],
  ['ReliableClientRMQ to ReliableRmqServer', openReliable, nestCaller],
  ['golevelup to ReliableRmqServer', openReliable, golevelupCaller],
  ['golevelup to golevelup', openGolevelup, golevelupCaller],
];

export async function empties(queue: string): Promise<void> {
  await waitFor(async () => (await broker.queue(queue))?.messages === 0);
}

/** By hand, to a queue of its own. */
export async function rawRequest({ queue, exchange = '' }: Server, isPlain: boolean) {
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
