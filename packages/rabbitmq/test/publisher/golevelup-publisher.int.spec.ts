import {
  declareQueue,
  startPrivate,
  tcpProxy,
  testBroker,
  waitFor,
  type PrivateServer,
  type TestBroker,
} from '@acme/internal-testing';
import { GolevelupPublisher } from '@acme/nest-rabbitmq';
import { PublisherConfigurationError } from '@acme/nest-message-context';
import { publisherContract } from '@acme/nest-message-context/testing';
import { openGolevelup } from '@acme/internal-testing/rmq';
import { itPasses } from '@acme/internal-testing/contracts';
import type { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import { beforeAll, describe, expect, it } from 'vitest';
import { publisherFixture } from '../support/publisher-fixture.js';

let broker: TestBroker;
beforeAll(async () => {
  broker = await testBroker();
});

describe('GolevelupPublisher keeps the publisher contract: it', () => {
  itPasses(
    publisherContract(() =>
      publisherFixture(broker, async (url) => {
        const connection = await openGolevelup(url);
        return {
          publisher: new GolevelupPublisher({ connection, publishTimeout: '1s' }),
          dispose: () => connection.close(),
        };
      }),
    ),
  );
});

describe('GolevelupPublisher', () => {
  const to = (routingKey: string) => ({ type: 'a', payload: 1, routingKey });
  const confirms = (publisher: GolevelupPublisher, queue: string) =>
    waitFor(async () => (await publisher.publish([to(queue)]))[0]?.status === 'confirmed');

  /** Listeners on the connection that is shared, by event. */
  const listeners = ({ managedConnection }: AmqpConnection) =>
    ['blocked', 'unblocked', 'close', 'error'].map((event) => [
      managedConnection.listenerCount(event),
      managedConnection.connection?.listenerCount(event),
    ]);

  it('leaves the connection to its owner as it was, and takes no second one', async () => {
    const queue = await declareQueue(broker, 'shared');
    const proxy = await tcpProxy(broker.url);
    const connection = await openGolevelup(proxy.url);
    const before = listeners(connection);
    const publisher = new GolevelupPublisher({ connection });
    await publisher.prepare();
    await confirms(publisher, queue);
    await publisher.close();
    expect(listeners(connection)).toEqual(before);
    expect(proxy.accepted).toBe(1);
    await connection.publish('', queue, { still: 'open' });
    await expect(broker.take(queue)).resolves.toHaveLength(2);
    await connection.close();
    await proxy.close();
  });

  it('does not disturb its owner when an exchange disappears, however often', async () => {
    const queue = await declareQueue(broker, 'undisturbed');
    const admin = await broker.channel();
    const connection = await openGolevelup(broker.url);
    const publisher = new GolevelupPublisher({ connection });
    let disconnects = 0;
    connection.managedConnection.on('disconnect', () => (disconnects += 1));
    for (let n = 0; n < 15; n += 1) {
      const exchange = broker.name(`gone-${n}`);
      await admin.assertExchange(exchange, 'fanout');
      await admin.bindQueue(queue, exchange, '');
      const message = { ...to('x'), exchange };
      await expect(publisher.publish([message])).resolves.toMatchObject([{ status: 'confirmed' }]);
      await admin.deleteExchange(exchange);
      await expect(publisher.publish([message])).resolves.toMatchObject([{ status: 'rejected' }]);
    }
    expect(disconnects).toBe(0);
    // Each time the channel was opened anew, on the same connection.
    expect(connection.managedConnection.connection?.listenerCount('blocked')).toBeLessThan(4);
    await publisher.close();
    await connection.close();
  });

  it('tells each message its own outcome also after one that the client could not write', async () => {
    const full = await declareQueue(broker, 'full-after', {
      arguments: { 'x-overflow': 'reject-publish', 'x-max-length': 1 },
    });
    const queue = await declareQueue(broker, 'after');
    const connection = await openGolevelup(broker.url);
    const publisher = new GolevelupPublisher({ connection, publishTimeout: '2s' });
    await confirms(publisher, full);
    const large = { ...to(queue), headers: { trail: 'x'.repeat(70_000) } };
    const nowhere = to('x'.repeat(300));
    const outcomes = await publisher.publish([large, nowhere, to(full), to(queue)]);
    expect(outcomes).toMatchObject([
      { status: 'rejected', error: { reason: 'INVALID' } },
      { status: 'rejected', error: { reason: 'INVALID' } },
      { status: 'unknown', error: { reason: 'NACKED' } },
      { status: 'confirmed' },
    ]);
    await publisher.close();
    await connection.close();
  });

  it('starts without a broker, and publishes when there is one', async () => {
    const queue = await declareQueue(broker, 'later');
    const proxy = await tcpProxy(broker.url);
    proxy.down();
    const connection = await openGolevelup(proxy.url, { connectionInitOptions: { wait: false } });
    const publisher = new GolevelupPublisher({ connection });
    await publisher.prepare();
    await expect(publisher.publish([to(queue)])).resolves.toMatchObject([
      { status: 'unknown', error: { reason: 'NOT_CONNECTED' } },
    ]);
    proxy.restore();
    await confirms(publisher, queue);
    await publisher.close();
    await connection.close();
    await proxy.close();
  });

  it('refuses at once what is no connection of golevelup, and wrong options', () => {
    expect(() => new GolevelupPublisher({ connection: undefined as never })).toThrow(
      PublisherConfigurationError,
    );
    expect(
      () => new GolevelupPublisher({ connection: {} as never, window: 0, exchanges: 1 } as never),
    ).toThrow(/GolevelupPublisher.*exchanges.*inject: \[AmqpConnection\].*window/s);
  });

  describe('on a broker of its own', () => {
    let server: PrivateServer;
    beforeAll(async () => {
      server = await startPrivate('rabbitmq');
    }, 120_000);

    it('says so while the broker blocks publishing, and goes on when it does no more', async () => {
      const connection = await openGolevelup(server.url);
      await connection.channel.assertQueue('q', { durable: true });
      const publisher = new GolevelupPublisher({ connection, publishTimeout: '1s' });
      await confirms(publisher, 'q');
      await server.control('set_vm_memory_high_watermark', '0.000001');
      await waitFor(async () => {
        const [outcome] = await publisher.publish([to('q')]);
        return outcome?.status === 'unknown' && /blocked/.test(outcome.error.message);
      });
      // One that has no channel yet cannot open one now.
      const other = new GolevelupPublisher({ connection, publishTimeout: '1s' });
      for (let n = 0; n < 12; n += 1) {
        await expect(other.publish([to('q')])).resolves.toMatchObject([{ status: 'unknown' }]);
      }
      expect(connection.managedConnection.connection?.listenerCount('error')).toBeLessThan(5);
      await server.control('set_vm_memory_high_watermark', '0.4');
      await confirms(publisher, 'q');
      await confirms(other, 'q');
      await Promise.all([publisher.close(), other.close()]);
      await connection.close();
    }, 60_000);
  });
});
