import { connect } from 'amqplib';
import { config } from './config.js';

/** What has to be at the broker before an event leaves; in a system, each consumer declares its own queue. */
export async function declareTopology(): Promise<void> {
  // #region topology
  const connection = await connect(config.amqpUrl);
  const channel = await connection.createChannel();
  await channel.assertExchange(config.exchange, 'topic');
  await channel.assertQueue(config.queue, { arguments: { 'x-queue-type': 'quorum' } });
  await channel.bindQueue(config.queue, config.exchange, 'order.#');
  await connection.close();
  // #endregion
}
