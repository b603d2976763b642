import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { testBroker, testDatabase, waitFor, type TestBroker } from '@acme/internal-testing';
import { RabbitMqPublisher } from '@acme/nest-rabbitmq';
import { connect, type GetMessage } from 'amqplib';
import { orderTable } from '../../src/orders.js';

/** A database with the example's table, and a topic exchange with one queue that gets everything sent to it. */
export async function openShop() {
  const [database, broker] = await Promise.all([testDatabase(), testBroker()]);
  await database.pool.query(orderTable);
  return { database, broker, ...(await declareExchange(broker)) };
}

export async function declareExchange(broker: TestBroker) {
  const id = randomUUID();
  const [exchange, queue] = [broker.name(`shop-${id}`), broker.name(`everything-${id}`)];
  const channel = await broker.channel();
  await channel.assertExchange(exchange, 'topic');
  await channel.assertQueue(queue);
  await channel.bindQueue(queue, exchange, '#');
  await channel.close();
  return { exchange, queue };
}

export const publisherTo = (amqpUrl: string, exchange: string): RabbitMqPublisher =>
  new RabbitMqPublisher({ connect: () => connect(amqpUrl, { noDelay: true }), exchange });

/** Waits for so many messages and takes them, in the order of their arrival. */
export async function arrivals(
  broker: TestBroker,
  queue: string,
  count: number,
): Promise<GetMessage[]> {
  await waitFor(async () => (await broker.queue(queue))?.messages === count, {
    what: `${count} messages in ${queue}`,
  });
  return broker.take(queue);
}

export const typeOf = ({ properties }: GetMessage): unknown => properties.type;

export const payloadOf = ({ content }: GetMessage): unknown => JSON.parse(content.toString());
