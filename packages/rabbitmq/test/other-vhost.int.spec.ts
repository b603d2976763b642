import { testBroker, waitFor } from '@acme/internal-testing';
import { connect } from 'amqplib';
import { describe, expect, it } from 'vitest';
import { CONSUMERS } from './support/consumers.js';

describe.each(CONSUMERS)('%s, where the connection for retries leads elsewhere', (kind, open) => {
  it('keeps the message in its queue, and says so', async () => {
    const broker = await testBroker();
    const queue = broker.name(`elsewhere-${kind.length}`);
    for (const suffix of ['retry.1000', 'retry.2000', 'dlq'])
      broker.name(`elsewhere-${kind.length}.${suffix}`);
    // As it would be in another virtual host: the queue is not there.
    const asElsewhere = async () => {
      const connection = await connect(broker.url);
      const createChannel = connection.createChannel.bind(connection);
      connection.createChannel = async () => {
        const channel = await createChannel();
        const checkQueue = channel.checkQueue.bind(channel);
        channel.checkQueue = (name) => checkQueue(name === queue ? `${queue}.unknown` : name);
        return channel;
      };
      return connection;
    };
    const consumer = await open({
      broker,
      queue,
      exchange: broker.name(`events-${kind.length}`),
      module: { connect: asElsewhere },
      handle: () => {
        throw new Error('not now');
      },
    });
    const channel = await broker.confirmChannel();
    channel.sendToQueue(queue, Buffer.from('{}'), { type: 'placed', messageId: 'm-1' });
    await channel.waitForConfirms();
    await channel.close();
    await waitFor(() =>
      consumer.log.messages('error').some((text) => text.includes('virtual host')),
    );
    await consumer.close();
    const left = await broker.take(queue);
    expect(left.map(({ properties }) => properties.messageId)).toEqual(['m-1']);
    await expect(broker.queue(`${queue}.retry.1000`)).resolves.toBeUndefined();
  });
});
