import 'reflect-metadata';
import {
  openMicroservice,
  tcpProxy,
  testBroker,
  waitFor,
  type TestBroker,
} from '@acme/internal-testing';
import { MessageContext, MessageContextModule } from '@acme/nest-message-context';
import {
  isRabbitMqError,
  RabbitMqModule,
  RmqOrdered,
  type RabbitMqModuleOptions,
} from '@acme/nest-rabbitmq';
import { ReliableRmqServer, type ReliableRmqOptions } from '@acme/nest-rabbitmq/nest';
import { Controller, Module } from '@nestjs/common';
import {
  ClientProxyFactory,
  EventPattern,
  MessagePattern,
  Transport,
  type ClientProxy,
} from '@nestjs/microservices';
import { connect, type Options } from 'amqplib';
import { firstValueFrom } from 'rxjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

let broker: TestBroker;
beforeAll(async () => {
  broker = await testBroker();
});

const handled: { readonly name: string; readonly payload: unknown; readonly attempt: number }[] =
  [];
let held: Promise<void> | undefined;
beforeEach(() => {
  handled.length = 0;
  held = undefined;
});

async function record(payload: unknown): Promise<void> {
  const { name, attempt } = MessageContext.require().message;
  handled.push({ name, payload, attempt });
  await held;
}

@Controller()
class Orders {
  @EventPattern('order.placed')
  placed(payload: unknown): Promise<void> {
    return record(payload);
  }

  @MessagePattern('order.huge')
  huge(): bigint {
    return 10n;
  }

  @MessagePattern('order.total')
  async total(payload: { id: number }): Promise<number> {
    await record(payload);
    if (payload.id === 0) throw new Error('no such order');
    return payload.id * 100;
  }

  @RmqOrdered({ key: { payload: 'key' } })
  @EventPattern('order.changed')
  async changed(payload: { fails?: boolean }): Promise<void> {
    await record(payload);
    if (payload.fails) throw new Error('not now');
  }

  @EventPattern({ topic: 'refund' })
  refunded(payload: unknown): Promise<void> {
    return record(payload);
  }

  @EventPattern({ topic: 'stock', kind: 'moved' })
  moved(payload: unknown): Promise<void> {
    return record({ moved: payload });
  }

  @EventPattern('invoice.*')
  invoiced(payload: unknown): Promise<void> {
    return record({ any: payload });
  }

  @EventPattern('invoice.paid')
  paid(payload: unknown): Promise<void> {
    return record({ paid: payload });
  }
}

const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).toReversed()) await close();
});

let count = 0;
async function open(
  options: Partial<ReliableRmqOptions> = {},
  module: Partial<RabbitMqModuleOptions> = {},
) {
  const queue = broker.name(`reliable-${(count += 1)}.orders`);
  broker.name(`reliable-${count}.orders.dlq`);
  @Module({
    imports: [
      MessageContextModule.forRoot(),
      RabbitMqModule.forRoot({ connect: () => connect(broker.url), ...module }),
    ],
    controllers: [Orders],
  })
  class AppModule {}
  const given = options.queues ? {} : { queue, queueOptions: { durable: true } };
  const strategy = new ReliableRmqServer({ urls: [broker.url], ...given, ...options });
  const opened = await openMicroservice(AppModule, { strategy });
  cleanup.push(opened.close);
  return { ...opened, queue };
}

async function send(queue: string, body: unknown, properties: Options.Publish = {}): Promise<void> {
  const channel = await broker.confirmChannel();
  const content = typeof body === 'string' ? body : JSON.stringify(body);
  channel.sendToQueue(queue, Buffer.from(content), properties);
  await channel.waitForConfirms();
  await channel.close();
}

async function parked(queue: string) {
  await waitFor(async () => ((await broker.queue(`${queue}.dlq`))?.messages ?? 0) > 0);
  return (await broker.take(`${queue}.dlq`))[0]!;
}

describe('what ReliableRmqServer understands', () => {
  const order = { id: 7 };
  it.each<[string, unknown, Options.Publish, unknown]>([
    ['plain JSON with a type', order, { type: 'order.placed' }, order],
    [
      'plain JSON with a content type',
      order,
      { type: 'order.placed', contentType: 'application/json' },
      order,
    ],
    ['Nest’s own packet', { pattern: 'order.placed', data: order }, {}, order],
    [
      'a structured CloudEvent',
      { specversion: '1.0', id: '1', source: '/', type: 'order.placed', data: order },
      { contentType: 'application/cloudevents+json; charset=utf-8' },
      order,
    ],
    [
      'a structured CloudEvent with binary data',
      {
        type: 'order.placed',
        data_base64: Buffer.from('{"id":7}').toString('base64'),
        datacontenttype: 'application/json',
      },
      { contentType: 'application/cloudevents+json' },
      order,
    ],
    ['a binary CloudEvent', order, { headers: { 'cloudEvents:type': 'order.placed' } }, order],
    ['text', 'ok', { type: 'order.placed', contentType: 'text/plain' }, 'ok'],
    [
      'bytes',
      'ok',
      { type: 'order.placed', contentType: 'application/octet-stream' },
      Buffer.from('ok'),
    ],
  ])('%s', async (_, body, properties, payload) => {
    const { queue } = await open();
    await send(queue, body, properties);
    await waitFor(() => handled.length === 1);
    expect(handled).toEqual([{ name: 'order.placed', payload, attempt: 1 }]);
  });

  it('plain JSON that says only by its routing key what it is', async () => {
    const exchange = broker.name('keyed');
    const { queue } = await open({ exchange, exchangeType: 'topic', wildcards: true });
    const channel = await broker.confirmChannel();
    channel.publish(exchange, 'order.placed', Buffer.from('{"id":7}'));
    await channel.waitForConfirms();
    await channel.close();
    await waitFor(() => handled.length === 1);
    expect(handled[0]).toMatchObject({ name: 'order.placed', payload: { id: 7 } });
    expect((await broker.queue(queue))?.messages).toBe(0);
  });

  it.each<[string, unknown, Options.Publish]>([
    ['in the order of its handler', { pattern: { topic: 'stock', kind: 'moved' }, data: 7 }, {}],
    ['in another order', { pattern: { kind: 'moved', topic: 'stock' }, data: 7 }, {}],
    ['as JSON in the type', 7, { type: '{ "topic": "stock", "kind": "moved" }' }],
  ])('a pattern of several parts, %s', async (_, body, properties) => {
    const { queue } = await open();
    await send(queue, body, properties);
    await waitFor(() => handled.length === 1);
    expect(handled[0]).toMatchObject({ payload: { moved: 7 } });
  });

  it('names that a wildcard is for, and before it those that have a handler of their own', async () => {
    const exchange = broker.name('wild');
    const { queue } = await open({ exchange, exchangeType: 'topic', wildcards: true });
    await send(queue, 7, { type: 'invoice.sent' });
    await send(queue, 8, { type: 'invoice.paid' });
    await waitFor(() => handled.length === 2);
    expect(handled).toMatchObject([
      { name: 'invoice.sent', payload: { any: 7 } },
      { name: 'invoice.paid', payload: { paid: 8 } },
    ]);
  });

  it('what a deserializer of the user makes of it', async () => {
    const deserializer = {
      deserialize: (value: unknown) => ({ pattern: { topic: 'refund' }, data: { seen: value } }),
    };
    const { queue } = await open({ deserializer });
    await send(queue, '<xml/>');
    await waitFor(() => handled.length === 1);
    expect(handled[0]).toMatchObject({ payload: { seen: '<xml/>' } });
  });
});

describe('what ReliableRmqServer parks with its reason', () => {
  it.each<[string, string | object, Options.Publish, string]>([
    ['an event that nobody handles', {}, { type: 'order.lost' }, 'NO_HANDLER'],
    ['what does not say what it is', { a: 1 }, {}, 'NO_HANDLER'],
    ['what has a name of ours', {}, { type: '\u0000unhandled-event' }, 'NO_HANDLER'],
    ['what is not JSON', '<xml/>', { type: 'order.placed' }, 'MESSAGE_UNREADABLE'],
    ['what is not JSON and has no name', '<xml/>', {}, 'MESSAGE_UNREADABLE'],
    [
      'a CloudEvent without a type',
      {},
      { contentType: 'application/cloudevents+json' },
      'MESSAGE_UNREADABLE',
    ],
  ])('%s', async (_, body, properties, code) => {
    const { queue } = await open();
    await send(queue, body, properties);
    const message = await parked(queue);
    expect(message.properties.headers).toMatchObject({ 'x-error-code': code, 'x-attempt': 1 });
    expect(message.content.toString()).toBe(typeof body === 'string' ? body : JSON.stringify(body));
    expect(handled).toEqual([]);
    // The next one is handled.
    await send(queue, {}, { type: 'order.placed' });
    await waitFor(() => handled.length === 1);
  });

  it('what a deserializer of the user throws at', async () => {
    const deserializer = {
      deserialize: () => {
        throw new Error('not ours');
      },
    };
    const { queue } = await open({ deserializer });
    await send(queue, {}, { type: 'order.placed' });
    const message = await parked(queue);
    expect(message.properties.headers).toMatchObject({
      'x-error-code': 'MESSAGE_UNREADABLE',
      'x-error-message': expect.stringContaining('not ours') as string,
    });
  });
});

describe('a deserializer of the user that gives nothing', () => {
  it('has the message parked, and holds nothing up', async () => {
    const { queue } = await open({ deserializer: { deserialize: () => undefined as never } });
    await send(queue, {}, { type: 'order.placed' });
    const message = await parked(queue);
    expect(message.properties.headers).toMatchObject({ 'x-error-code': 'MESSAGE_UNREADABLE' });
  });
});

describe('a queue of several that is bound to all patterns', () => {
  it('finds its handlers', async () => {
    const [queue, exchange] = [broker.name('wild'), broker.name('wild.events')];
    const queueOptions = { durable: true };
    await open({ queues: [{ queue, queueOptions, exchange, wildcards: true }] });
    await send(queue, {}, { type: 'order.placed' });
    await waitFor(() => handled.length === 1);
  });
});

describe('requests to ReliableRmqServer', () => {
  const clientOf = (queue: string): ClientProxy => {
    const client = ClientProxyFactory.create({
      transport: Transport.RMQ,
      options: { urls: [broker.url], queue, queueOptions: { durable: true } },
    });
    cleanup.push(() => client.close());
    return client;
  };
  const ask = (client: ClientProxy, pattern: string, data: unknown): Promise<unknown> =>
    firstValueFrom(client.send(pattern, data));

  it('are answered, and so are those that fail and those that nobody handles', async () => {
    const { queue, close } = await open();
    const client = clientOf(queue);
    await expect(ask(client, 'order.total', { id: 7 })).resolves.toBe(700);
    await expect(ask(client, 'order.total', { id: 0 })).rejects.toMatchObject({ status: 'error' });
    await expect(ask(client, 'order.lost', {})).rejects.toMatchObject({
      status: 'error',
      code: 'NO_HANDLER',
      message: expect.stringContaining('"order.lost"') as string,
    });
    await client.close();
    await close();
    expect((await broker.queue(queue))?.messages).toBe(0);
    expect(await broker.queue(`${queue}.dlq`)).toBeUndefined();
  });

  it('whose reply cannot be sent are answered with an error', async () => {
    const { queue } = await open();
    await expect(ask(clientOf(queue), 'order.huge', {})).rejects.toMatchObject({ status: 'error' });
  });

  it('are answered although the application closes right then', async () => {
    let release!: () => void;
    held = new Promise<void>((done) => (release = done));
    const { queue, close } = await open();
    const answer = ask(clientOf(queue), 'order.total', { id: 7 });
    await waitFor(() => handled.length === 1);
    const closed = close();
    release();
    await expect(answer).resolves.toBe(700);
    await closed;
  });

  it('that cannot be read are answered with that', async () => {
    const { queue } = await open();
    const replies = broker.name('replies');
    const channel = await broker.channel();
    await channel.assertQueue(replies, { durable: true });
    await send(queue, '<xml/>', { replyTo: replies, correlationId: 'c-1' });
    await waitFor(async () => (await broker.queue(replies))?.messages !== 0);
    const [reply] = await broker.take(replies);
    expect(JSON.parse(reply!.content.toString())).toMatchObject({
      status: 'error',
      code: 'MESSAGE_UNREADABLE',
      statusCode: 400,
    });
  });
});

describe('ReliableRmqServer after its connection was lost', () => {
  // The heartbeat is 30 s, and without a word its client would wait as long.
  it('is back within seconds', async () => {
    const proxy = await tcpProxy(broker.url);
    cleanup.push(() => proxy.close());
    const { queue } = await open({ urls: [proxy.url] });
    proxy.cut();
    await send(queue, {}, { type: 'order.placed' });
    await waitFor(() => handled.length === 1);
  });
});

describe('several queues of ReliableRmqServer', () => {
  it('have a prefetch each, and failures of each go to its own place', async () => {
    const first = broker.name('first');
    const second = broker.name('second');
    broker.name('second.dlq');
    let release!: () => void;
    held = new Promise<void>((done) => (release = done));
    await open({
      queueOptions: { durable: true },
      prefetchCount: 1,
      queues: [{ queue: first }, { queue: second, prefetchCount: 3 }],
    });
    for (let id = 0; id < 5; id += 1) {
      await send(first, { first: id }, { type: 'order.placed' });
      await send(second, { second: id }, { type: 'order.placed' });
    }
    await waitFor(async () => (await broker.queue(first))?.messages === 4);
    await waitFor(async () => (await broker.queue(second))?.messages === 2);
    expect(handled).toHaveLength(4);
    release();
    await waitFor(() => handled.length === 10);
    await send(second, {}, { type: 'order.lost' });
    const message = await parked(second);
    expect(message.properties.headers).toMatchObject({ 'x-original-queue': second });
  });
});

describe('an order in one of several queues of ReliableRmqServer', () => {
  it('is kept with the policy of that queue', async () => {
    const [first, second] = [broker.name('ordered-1'), broker.name('ordered-2')];
    for (const suffix of ['.dlq', '.retry.10']) broker.name(`ordered-2${suffix}`);
    const retry = { attempts: 2, backoff: [10], jitter: false };
    const queues = [{ queue: first }, { queue: second }];
    await open({ queueOptions: { durable: true }, queues }, { queues: { [second]: { retry } } });
    await send(second, { key: 'k', fails: true }, { type: 'order.changed' });
    await send(second, { key: 'k', n: 2 }, { type: 'order.changed' });
    await waitFor(() => handled.length === 3);
    expect(handled.map(({ payload }) => payload)).toEqual([
      { key: 'k', fails: true },
      { key: 'k', fails: true },
      { key: 'k', n: 2 },
    ]);
    const message = await parked(second);
    expect(message.properties.headers).toMatchObject({
      'x-error-code': 'RETRIES_EXHAUSTED',
      'x-attempt': 2,
      'x-original-queue': second,
    });
  });
});

describe('ReliableRmqServer at boot', () => {
  it('does not start where the broker refuses its queue, and says why', async () => {
    const queue = broker.name('mismatch');
    const channel = await broker.channel();
    await channel.assertQueue(queue, { durable: true });
    await expect(
      open({
        queues: [
          { queue, queueOptions: { durable: true, arguments: { 'x-queue-type': 'quorum' } } },
        ],
      }),
    ).rejects.toThrow(/inequivalent arg 'x-queue-type'/);
  });

  it('does not start where there is no such queue and nobody declares it', async () => {
    const queue = broker.name('missing');
    await expect(open({ queues: [{ queue, noAssert: true }] })).rejects.toThrow(/no queue/);
  });

  it('gives up after as many attempts as it may', async () => {
    await expect(
      open({
        urls: [`amqp://127.0.0.1:1${new URL(broker.url).pathname}`],
        maxConnectionAttempts: 2,
        socketOptions: { reconnectTimeInSeconds: 0.05 },
      }),
    ).rejects.toThrow(/ECONNREFUSED/);
  });

  it('needs RabbitMqModule', async () => {
    @Module({ imports: [MessageContextModule.forRoot()] })
    class Bare {}
    const strategy = new ReliableRmqServer({ urls: [broker.url], queue: 'q' });
    await expect(openMicroservice(Bare, { strategy })).rejects.toThrow(
      /ReliableRmqServer is not configured correctly:\n- it needs RabbitMqModule/,
    );
  });

  it.each<[object, string[]]>([
    [{}, ['queue: give either']],
    [{ queue: 'a', queues: [{ queue: 'b' }] }, ['queue: give either']],
    [{ queue: '' }, ['queue: "" is not the name']],
    [
      { queues: [{ queue: 'a' }, { queue: 'a', prefetchCount: 0 }] },
      ['queues: "a" is there twice', 'prefetchCount of "a": 0'],
    ],
    [
      { queue: 'a', noAck: true, isGlobalPrefetchCount: true },
      ['noAck: there is no', 'isGlobalPrefetchCount: there is no'],
    ],
  ])('refuses %o, all of it at once', (options, problems) => {
    const error = (() => {
      try {
        return new ReliableRmqServer(options as ReliableRmqOptions);
      } catch (thrown) {
        return thrown as { readonly problems: readonly string[] };
      }
    })();
    expect(isRabbitMqError(error, 'RABBITMQ_CONFIGURATION')).toBe(true);
    expect((error as { problems: string[] }).problems).toEqual(
      problems.map((problem) => expect.stringContaining(problem) as string),
    );
  });
});
