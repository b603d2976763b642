import { randomUUID } from 'node:crypto';
import {
  declareQueue,
  startPrivate,
  takeAll,
  tcpProxy,
  testBroker,
  waitFor,
  type PrivateServer,
  type TestBroker,
} from '@acme/internal-testing';
import {
  PublisherClosedError,
  PublisherConfigurationError,
  type OutboundMessage,
} from '@acme/nest-message-context';
import { RabbitMqPublisher, type RabbitMqPublisherOptions } from '@acme/nest-rabbitmq';
import { connect } from 'amqplib';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';

describe('RabbitMqPublisher', () => {
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await testBroker();
  });

  const open: RabbitMqPublisher[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((publisher) => publisher.close()));
  });
  const publisherTo = (url: string, options: Partial<RabbitMqPublisherOptions> = {}) => {
    const publisher = new RabbitMqPublisher({ connect: () => connect(url), ...options });
    open.push(publisher);
    return publisher;
  };
  const message = (routingKey: string, more: Partial<OutboundMessage> = {}): OutboundMessage => ({
    type: 'order.placed.v1',
    payload: { id: 1 },
    routingKey,
    ...more,
  });

  /** Connecting may take longer than a short `publishTimeout`. */
  const confirms = (publisher: RabbitMqPublisher, queue: string) =>
    waitFor(async () => (await publisher.publish([message(queue)]))[0]?.status === 'confirmed', {
      what: 'a confirm',
    });

  it('writes plain JSON with the properties that every consumer reads', async () => {
    const queue = await declareQueue(broker, 'properties');
    const [outcome] = await publisherTo(broker.url).publish([
      message(queue, {
        messageId: 'id-1',
        timestamp: 1_700_000_000_999,
        headers: { 'x-correlation-id': 'c-1', flag: true, count: 7, raw: Uint8Array.of(1, 2) },
      }),
    ]);
    expect(outcome).toEqual({ status: 'confirmed' });
    const [arrived] = await broker.take(queue);
    expect(arrived?.content.toString()).toBe('{"id":1}');
    expect(arrived?.properties).toMatchObject({
      type: 'order.placed.v1',
      messageId: 'id-1',
      correlationId: 'c-1',
      contentType: 'application/json',
      deliveryMode: 2,
      timestamp: 1_700_000_000,
      headers: { 'x-correlation-id': 'c-1', flag: true, count: 7, raw: Buffer.from([1, 2]) },
    });
  });

  it('carries every number that a header may have', async () => {
    const queue = await declareQueue(broker, 'numbers');
    const headers = { a: -1e300, b: 2 ** 51 + 0.5, c: 2 ** 63, d: -(2 ** 64), e: -0.5, f: 2 ** 40 };
    await publisherTo(broker.url).publish([message(queue, { headers })]);
    const [arrived] = await broker.take(queue);
    expect(arrived?.properties.headers).toEqual(headers);
  });

  it('writes what stock consumers of Nest expect where it is told to, to the last digit', async () => {
    const queue = await declareQueue(broker, 'envelope');
    const payload = Buffer.from('{"n":12345678901234567890.10}');
    const contentType = 'application/vnd.order+json';
    await publisherTo(broker.url, { envelope: 'nest' }).publish([
      message(queue),
      message(queue, { payload, contentType, type: 'a "quoted" one' }),
    ]);
    const arrived = await broker.take(queue);
    expect(arrived.map(({ content }) => content.toString())).toEqual([
      '{"pattern":"order.placed.v1","data":{"id":1}}',
      String.raw`{"pattern":"a \"quoted\" one","data":{"n":12345678901234567890.10}}`,
    ]);
    for (const { properties } of arrived) {
      expect(properties).toMatchObject({ contentType: 'application/json', type: undefined });
    }
  });

  it('sends bytes as they are', async () => {
    const queue = await declareQueue(broker, 'bytes');
    const payload = Buffer.from('..abc..').subarray(2, 5);
    await publisherTo(broker.url).publish([message(queue, { payload })]);
    const [arrived] = await broker.take(queue);
    expect(arrived?.content.toString()).toBe('abc');
    expect(arrived?.properties.contentType).toBe('application/octet-stream');
  });

  it('routes by type where no routing key is given, through the exchange of the options', async () => {
    const queue = await declareQueue(broker, 'by-type');
    const channel = await broker.channel();
    const exchange = broker.name('events');
    await channel.assertExchange(exchange, 'topic');
    await channel.bindQueue(queue, exchange, 'order.#');
    const publisher = publisherTo(broker.url, { exchange });
    await publisher.publish([{ type: 'order.placed.v1', payload: 1 }]);
    const [arrived] = await broker.take(queue);
    expect(arrived?.fields).toMatchObject({ exchange, routingKey: 'order.placed.v1' });
  });

  it('tells each message what became of it, in the given order', async () => {
    const queue = await declareQueue(broker, 'mixed');
    const circular: { self?: unknown } = {};
    circular.self = circular;
    const outcomes = await publisherTo(broker.url, { maxMessageBytes: 1_000 }).publish([
      message(queue),
      message(broker.name('nobody')),
      message(queue, { payload: 'x'.repeat(1_000) }),
      message('x', { exchange: broker.name('no-such-exchange') }),
      message(queue, { payload: circular }),
      message(queue, { headers: { big: 'x'.repeat(70_000) } }),
      message(queue),
      message('x'.repeat(300)),
      message(queue),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual([
      'confirmed',
      'unroutable',
      'rejected',
      'rejected',
      'rejected',
      'rejected',
      'confirmed',
      'rejected',
      'confirmed',
    ]);
    expect(outcomes[1]).toEqual({
      status: 'unroutable',
      exchange: '',
      routingKey: broker.name('nobody'),
    });
    expect(outcomes[3]).toMatchObject({ error: { reason: 'EXCHANGE_UNAVAILABLE' } });
    await expect(broker.take(queue)).resolves.toHaveLength(3);
  });

  it('keeps two messages with one id apart when one of them comes back', async () => {
    const queue = await declareQueue(broker, 'same-id');
    const messageId = randomUUID();
    const outcomes = await publisherTo(broker.url).publish([
      message(queue, { messageId }),
      message(broker.name('nobody'), { messageId }),
      message(queue, { messageId }),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['confirmed', 'unroutable', 'confirmed']);
  });

  it('hands over many in their order, through a window much smaller', async () => {
    const queue = await declareQueue(broker, 'many');
    const many = Array.from({ length: 3_000 }, (_, n) => message(queue, { payload: n }));
    const outcomes = await publisherTo(broker.url, { window: 100 }).publish(many);
    expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(['confirmed']));
    const arrived = await takeAll(broker, queue);
    expect(arrived.map(({ content }) => Number(content.toString()))).toEqual([...many.keys()]);
  });

  it('takes an exchange that appears later, and blames only its own messages for one that disappears', async () => {
    const queue = await declareQueue(broker, 'healthy');
    const channel = await broker.channel();
    const exchange = broker.name('coming-and-going');
    const publisher = publisherTo(broker.url);
    await channel.assertExchange(exchange, 'fanout');
    await channel.bindQueue(queue, exchange, '');
    const there = await publisher.publish([message('x', { exchange })]);
    await channel.deleteExchange(exchange);
    const gone = await publisher.publish([message('x', { exchange })]);
    const others = await publisher.publish([message(queue), message('x', { exchange })]);
    expect([...there, ...gone, ...others].map(({ status }) => status)).toEqual([
      'confirmed',
      'rejected',
      'confirmed',
      'rejected',
    ]);
  });

  it('calls a nack no answer: the queue may have room a moment later', async () => {
    const queue = await declareQueue(broker, 'full', {
      arguments: { 'x-overflow': 'reject-publish', 'x-max-length': 1 },
    });
    const publisher = publisherTo(broker.url);
    await publisher.publish([message(queue)]);
    const outcomes = await publisher.publish([message(queue)]);
    expect(outcomes).toMatchObject([{ status: 'unknown', error: { reason: 'NACKED' } }]);
    await broker.take(queue);
    await expect(publisher.publish([message(queue)])).resolves.toMatchObject([
      { status: 'confirmed' },
    ]);
  });

  it('ends what is under way without an answer when the connection is lost, and connects anew', async () => {
    const queue = await declareQueue(broker, 'cut');
    const proxy = await tcpProxy(broker.url);
    const publisher = publisherTo(proxy.url);
    await publisher.publish([message(queue)]);
    proxy.halfOpen('replies');
    const lost = publisher.publish([message(queue), message(queue)]);
    await waitFor(async () => (await broker.queue(queue))?.messages === 3);
    proxy.cut();
    await expect(lost).resolves.toMatchObject([
      { status: 'unknown', error: { reason: 'CONNECTION_LOST' } },
      { status: 'unknown', error: { reason: 'CONNECTION_LOST' } },
    ]);
    proxy.restore();
    await confirms(publisher, queue);
    expect(proxy.accepted).toBe(2);
    await expect(broker.take(queue)).resolves.toHaveLength(4);
    await publisher.close();
    await proxy.close();
  });

  it('answers at once while there is no broker, and does not hammer it', async () => {
    let tries = 0;
    const publisher = publisherTo('', {
      connect: () => {
        tries += 1;
        return Promise.reject(new Error('refused'));
      },
    });
    for (let n = 0; n < 50; n++) {
      const [outcome] = await publisher.publish([message('q')]);
      expect(outcome).toMatchObject({ status: 'unknown', error: { reason: 'NOT_CONNECTED' } });
      expect(outcome).toMatchObject({ error: { message: expect.stringContaining('refused') } });
    }
    expect(tries).toBeLessThan(5);
  });

  it('gives up waiting for a confirm after publishTimeout, and for a connection', async () => {
    const queue = await declareQueue(broker, 'slow');
    const proxy = await tcpProxy(broker.url);
    const publisher = publisherTo(proxy.url, { publishTimeout: 200 });
    await confirms(publisher, queue);
    proxy.halfOpen();
    await expect(publisher.publish([message(queue)])).resolves.toMatchObject([
      { status: 'unknown', error: { reason: 'TIMEOUT' } },
    ]);
    const other = publisherTo(proxy.url, { publishTimeout: 200 });
    await expect(other.publish([message(queue)])).resolves.toMatchObject([
      { status: 'unknown', error: { reason: 'NOT_CONNECTED' } },
    ]);
    proxy.restore();
    await publisher.close();
    await proxy.close();
  });

  it('waits for a broker that has fallen silent no longer than publishTimeout, whatever it is asked', async () => {
    const queue = await declareQueue(broker, 'silent');
    const proxy = await tcpProxy(broker.url);
    const publisher = publisherTo(proxy.url, { publishTimeout: 200 });
    await confirms(publisher, queue);
    proxy.halfOpen();
    // Whether the exchange is there.
    await expect(
      publisher.publish([message('x', { exchange: broker.name('new') })]),
    ).resolves.toMatchObject([{ status: 'unknown', error: { reason: 'TIMEOUT' } }]);
    // To say goodbye.
    await publisher.close();
    await proxy.close();
  });

  it('waits for what is under way when it is closed, and refuses what comes later', async () => {
    const queue = await declareQueue(broker, 'closing');
    const publisher = publisherTo(broker.url);
    await publisher.publish([message(queue)]);
    const last = publisher.publish([message(queue)]);
    await Promise.resolve();
    await publisher.close();
    await publisher.close();
    await expect(last).resolves.toEqual([{ status: 'confirmed' }]);
    await expect(publisher.publish([message(queue)])).rejects.toThrow(PublisherClosedError);
  });

  describe('to a broker of its own', () => {
    let server: PrivateServer;
    // Here and not in the test: starting one takes longer than all the rest on a busy machine.
    beforeAll(async () => {
      server = await startPrivate('rabbitmq');
    }, 120_000);

    it('blames only messages with the routing key that this user may not write to', async () => {
      await server.control('set_topic_permissions', 'guest', 'amq.topic', '^allowed', '.*');
      const connection = await connect(server.url);
      const channel = await connection.createChannel();
      await channel.assertQueue('topics', { durable: true });
      await channel.bindQueue('topics', 'amq.topic', '#');
      const publisher = publisherTo(server.url);
      const to = (routingKey: string) => message(routingKey, { exchange: 'amq.topic' });
      const outcomes = await publisher.publish(
        ['allowed.a', 'forbidden', 'allowed.b', 'forbidden', 'allowed.c'].map(to),
      );
      const isRefused = outcomes.map(({ status }) => status === 'rejected');
      expect(isRefused).toEqual([false, true, false, true, false]);
      expect(outcomes[1]).toMatchObject({ error: { reason: 'EXCHANGE_UNAVAILABLE' } });
      await publisher.close();
      await connection.close();
    });

    it('waits while the broker blocks publishing, and goes on when it does no more', async () => {
      const admin = await connect(server.url);
      admin.on('error', () => {});
      await (await admin.createChannel()).assertQueue('q', { durable: true });
      await admin.close();
      const publisher = publisherTo(server.url, { publishTimeout: '1s' });
      await confirms(publisher, 'q');
      await server.control('set_vm_memory_high_watermark', '0.000001');
      // The first one makes the broker say so.
      const blocked = await waitFor(async () => {
        const [outcome] = await publisher.publish([message('q')]);
        const isBlocked = outcome?.status === 'unknown' && /blocked/.test(outcome.error.message);
        return isBlocked && outcome;
      });
      expect(blocked).toMatchObject({ error: { reason: 'TIMEOUT' } });
      await server.control('set_vm_memory_high_watermark', '0.4');
      await confirms(publisher, 'q');
      await publisher.close();
    }, 60_000);
  });

  it('refuses options that make no publisher, all in one error', () => {
    const make = () =>
      new RabbitMqPublisher({
        connect: 'amqp://localhost' as never,
        exchange: 1 as never,
        envelope: 'cloudevents' as never,
        publishTimeout: '10 sec' as never,
        window: 0,
        maxMessageBytes: 1.5,
      });
    expect(make).toThrow(PublisherConfigurationError);
    expect(make).toThrow(/connect.*exchange.*envelope.*publishTimeout.*window.*maxMessageBytes/s);
  });
});
