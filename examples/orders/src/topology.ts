import { connect } from 'amqplib';
import { config } from './config';

/** A publisher declares the exchange and nothing else: queues belong to those who read them. */
export async function declareTopology(): Promise<void> {
  const connection = await connect(config.AMQP_URL);
  try {
    const channel = await connection.createChannel();
    await channel.assertExchange(config.EVENTS_EXCHANGE, 'topic', { durable: true });
  } finally {
    await connection.close();
  }
}
