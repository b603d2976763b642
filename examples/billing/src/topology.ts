import { events } from '@shop/contracts';
import { connect } from 'amqplib';
import { config } from './config.js';

/**
 * Who reads a queue declares it. A quorum queue, because it survives the loss of a broker node and counts deliveries; what the
 * broker gives up goes where `RabbitMqModule` parks what it gives up, and has declared the queue for it.
 */
export const queueOptions = {
  durable: true,
  arguments: {
    'x-queue-type': 'quorum',
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': `${config.QUEUE}.dlq`,
  },
};

export async function declareTopology(): Promise<void> {
  const connection = await connect(config.AMQP_URL);
  try {
    const channel = await connection.createChannel();
    await channel.assertExchange(config.EVENTS_EXCHANGE, 'topic', { durable: true });
    await channel.assertQueue(config.QUEUE, queueOptions);
    await channel.bindQueue(config.QUEUE, config.EVENTS_EXCHANGE, events.orderPlaced);
  } finally {
    await connection.close();
  }
}
