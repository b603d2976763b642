import { waitFor } from '@acme/internal-testing';
import type { PublishOutcome } from '@acme/nest-message-context';
import { RabbitMqPublisher } from '@acme/nest-rabbitmq';
import { expect, it } from 'vitest';
import { FakeConnection } from '../support/fake-amqp.js';

const message = { type: 'a', payload: 1 };

it('a connection that is lost in its opening does not take the next one with it', async () => {
  const connections: FakeConnection[] = [];
  let again: Promise<PublishOutcome[]> | undefined;
  const publisher = new RabbitMqPublisher({
    connect: async () => {
      const connection = new FakeConnection();
      if (connections.push(connection) === 1) connection.on('newListener', loseAtOnce);
      return connection as never;
    },
  });
  /** When there is a channel, and before anybody has been given it. */
  const loseAtOnce = (event: string) => {
    if (event !== 'close') return;
    queueMicrotask(() => {
      connections[0]?.emit('close');
      again = publisher.publish([message]);
    });
  };
  await expect(publisher.publish([message])).resolves.toMatchObject([
    { status: 'unknown', error: { reason: 'NOT_CONNECTED' } },
  ]);
  const written = () => connections[1]?.channel.written.length;
  await waitFor(() => written() === 1);
  connections[1]?.channel.confirmAll();
  await expect(again).resolves.toEqual([{ status: 'confirmed' }]);
  const third = publisher.publish([message]);
  await waitFor(() => written() === 2);
  connections[1]?.channel.confirmAll();
  await expect(third).resolves.toEqual([{ status: 'confirmed' }]);
  await publisher.close();
  expect(connections.map(({ closes }) => closes)).toEqual([1, 1]);
});
