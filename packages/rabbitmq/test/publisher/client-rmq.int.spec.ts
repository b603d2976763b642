import {
  declareQueue,
  tcpProxy,
  testBroker,
  waitFor,
  type TestBroker,
} from '@acme/internal-testing';
import { ClientRmqPublisher, type ClientRmqPublisherOptions } from '@acme/nest-rabbitmq';
import { publisherContract } from '@acme/nest-message-context/testing';
import { itPasses } from '@acme/internal-testing/contracts';
import { openNestConsumer } from '@acme/internal-testing/rmq';
import { Logger } from '@nestjs/common';
import {
  ClientProxyFactory,
  ClientRMQ,
  Transport,
  type ClientProxy,
  type RmqOptions,
} from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { publisherFixture } from '../support/publisher-fixture.js';

let broker: TestBroker;
beforeAll(async () => {
  Logger.overrideLogger(false);
  broker = await testBroker();
});

const clientTo = (url: string, options: RmqOptions['options']): ClientProxy =>
  ClientProxyFactory.create({
    transport: Transport.RMQ,
    options: { urls: [url], socketOptions: { reconnectTimeInSeconds: 0.1 }, ...options },
  });

describe('ClientRmqPublisher keeps the publisher contract: it', () => {
  itPasses(
    publisherContract(() =>
      publisherFixture(broker, async (url) => {
        const client = clientTo(url, { queue: broker.name('of-the-client') });
        return {
          publisher: new ClientRmqPublisher({ client, envelope: 'plain', publishTimeout: '1s' }),
          dispose: () => client.close(),
        };
      }),
    ),
  );
});

describe('ClientRmqPublisher', () => {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });
  const open = (
    client: ClientProxy,
    options: Omit<ClientRmqPublisherOptions, 'client'> = {},
  ): ClientRmqPublisher => {
    const publisher = new ClientRmqPublisher({ client, publishTimeout: '2s', ...options });
    closing.push(
      () => client.close(),
      () => publisher.close(),
    );
    return publisher;
  };

  it('sends what emit() sends where it sends it, and persistent, with an id', async () => {
    const queue = broker.name('as-emit');
    const headers = { 'x-from': 'client' };
    const client = clientTo(broker.url, { queue, headers });
    const data = { id: 1, list: ['a', null] };
    await firstValueFrom(client.emit('order.placed', data), { defaultValue: null });
    const publisher = open(client);
    const outcomes = await publisher.publish([
      { type: 'order.placed', payload: data, messageId: 'id-1', headers: { 'x-more': 1 } },
    ]);
    expect(outcomes).toEqual([{ status: 'confirmed' }]);
    const [theirs, ours] = await broker.take(queue);
    expect(ours?.content.toString()).toBe(theirs?.content.toString());
    expect(theirs?.properties.headers).toEqual(headers);
    expect(ours?.properties).toMatchObject({
      messageId: 'id-1',
      deliveryMode: 2,
      contentType: 'application/json',
      headers: { 'x-from': 'client', 'x-more': 1 },
    });
    // Consumers that read plain JSON, too, would take the packet for the payload.
    expect(ours?.properties.type).toBeUndefined();
  });

  it('is understood by a stock consumer', async () => {
    const options = { urls: [broker.url], queue: broker.name('stock'), noAck: false };
    const { handled, app } = await openNestConsumer('order.placed', {
      transport: Transport.RMQ,
      options,
    });
    closing.push(() => app.close());
    const text = Buffer.from('{"id":1}');
    const publisher = open(clientTo(broker.url, { queue: options.queue }));
    await publisher.publish([
      { type: 'order.placed', payload: text, contentType: 'application/json' },
      { type: 'order.placed', payload: 'text' },
    ]);
    await waitFor(() => handled.length === 2);
    expect(handled.map(({ data }) => data)).toEqual([{ id: 1 }, 'text']);
  });

  it.each([
    ['wildcards', { wildcards: true }],
    ['a fanout exchange', { exchangeType: 'fanout' as const }],
  ])('sends to the exchange of a client with %s', async (name, options) => {
    const exchange = broker.name(`exchange-${name.replaceAll(' ', '-')}`);
    const queue = await declareQueue(broker, `queue-${name.replaceAll(' ', '-')}`);
    const publisher = open(clientTo(broker.url, { queue: 'unused', exchange, ...options }));
    expect(publisher.broker).toEqual({ system: 'rabbitmq', exchange });
    await publisher.prepare();
    const admin = await broker.channel();
    await waitFor(async () => {
      const [outcome] = await publisher.publish([{ type: 'order.placed', payload: 1 }]);
      return outcome?.status === 'unroutable';
    });
    await admin.bindQueue(queue, exchange, 'order.*');
    const outcomes = await publisher.publish([{ type: 'order.placed', payload: 1 }]);
    expect(outcomes).toEqual([{ status: 'confirmed' }]);
    const [arrived] = await broker.take(queue);
    expect(arrived?.fields).toMatchObject({ exchange, routingKey: 'order.placed' });
    expect(arrived?.content.toString()).toBe('{"pattern":"order.placed","data":1}');
  });

  it('tells that the queue is gone, which emit() does not', async () => {
    const queue = broker.name('gone');
    const client = clientTo(broker.url, { queue });
    const publisher = open(client);
    await publisher.publish([{ type: 'a', payload: 1 }]);
    await (await broker.channel()).deleteQueue(queue);
    await firstValueFrom(client.emit('a', 1), { defaultValue: null });
    await expect(publisher.publish([{ type: 'a', payload: 1 }])).resolves.toEqual([
      { status: 'unroutable', exchange: '', routingKey: queue },
    ]);
  });

  it('lets a message go elsewhere that says so, or all of them', async () => {
    const [named, byType] = [await declareQueue(broker, 'named'), broker.name('by-type')];
    const client = clientTo(broker.url, { queue: broker.name('not-this') });
    await (await broker.channel()).assertQueue(byType, { durable: true });
    await open(client).publish([{ type: 'a', payload: 1, routingKey: named }]);
    await open(client, { exchange: '' }).publish([{ type: byType, payload: 1 }]);
    await expect(broker.take(named)).resolves.toHaveLength(1);
    await expect(broker.take(byType)).resolves.toHaveLength(1);
  });

  it('rejects bytes, which the envelope of Nest cannot carry', async () => {
    const publisher = open(clientTo(broker.url, { queue: broker.name('bytes') }));
    const outcomes = await publisher.publish([{ type: 'a', payload: Uint8Array.of(1) }]);
    expect(outcomes).toMatchObject([
      { status: 'rejected', error: { message: expect.stringContaining("envelope: 'plain'") } },
    ]);
  });

  it('starts without a broker, publishes when there is one, and leaves the client open', async () => {
    const queue = await declareQueue(broker, 'later');
    const proxy = await tcpProxy(broker.url);
    proxy.down();
    const client = clientTo(proxy.url, { queue });
    const publisher = new ClientRmqPublisher({ client, publishTimeout: '1s' });
    await publisher.prepare();
    const message = { type: 'a', payload: 1 };
    await expect(publisher.publish([message])).resolves.toMatchObject([{ status: 'unknown' }]);
    proxy.restore();
    await waitFor(async () => (await publisher.publish([message]))[0]?.status === 'confirmed');
    await publisher.close();
    await firstValueFrom(client.emit('a', 2), { defaultValue: null });
    await expect(broker.take(queue)).resolves.toHaveLength(2);
    await client.close();
    await proxy.close();
  });

  it('refuses what is no client of RabbitMQ', () => {
    const tcp = ClientProxyFactory.create({ transport: Transport.TCP });
    expect(() => new ClientRmqPublisher({ client: tcp })).toThrow(/ClientProxyPublisher/);
    expect(() => new ClientRmqPublisher(undefined as never)).toThrow(/new ClientRmqPublisher/);
  });

  it('names RabbitMQ, and where messages go, for spans and metrics', async () => {
    const brokerOf = async (options: NonNullable<RmqOptions['options']>, more: object = {}) => {
      const client = ClientProxyFactory.create({ transport: Transport.RMQ, options });
      const publisher = new ClientRmqPublisher({ client, ...more });
      const { broker } = publisher;
      await publisher.close();
      await client.close();
      return broker;
    };
    await expect(brokerOf({ queue: 'q' })).resolves.toEqual({ system: 'rabbitmq', exchange: '' });
    await expect(brokerOf({ exchange: 'events', wildcards: true })).resolves.toEqual({
      system: 'rabbitmq',
      exchange: 'events',
    });
    await expect(brokerOf({ queue: 'q' }, { exchange: 'mine' })).resolves.toMatchObject({
      exchange: 'mine',
    });
  });

  it('refuses a client whose serializer decides what is sent', () => {
    const serializer = { serialize: (value: unknown) => value };
    const client = clientTo(broker.url, { queue: 'q', serializer });
    expect(() => new ClientRmqPublisher({ client })).toThrow(/ClientRmqPublisher.*serializer/s);
    const more = { client, toData: () => 1 };
    expect(() => new ClientRmqPublisher(more)).toThrow(/toData/);
    expect(() => new ClientRmqPublisher({ client, envelope: 'plain' })).not.toThrow();
  });

  it('refuses a client whose class sends in a way of its own, and no other subclass', () => {
    class Harmless extends ClientRMQ {
      readonly more = 1;
    }
    class Own extends Harmless {
      protected override dispatchEvent(): Promise<never> {
        return Promise.reject(new Error('not sent'));
      }
    }
    const options = { urls: [broker.url], queue: 'q' };
    expect(() => new ClientRmqPublisher({ client: new Harmless(options) })).not.toThrow();
    expect(() => new ClientRmqPublisher({ client: new Own(options) })).toThrow(
      /Own\.dispatchEvent\(\).*RabbitMqPublisher/,
    );
  });
});
