// #region topology
import { connect } from 'amqplib';
import { config } from './config.js';

async function declareTopology(): Promise<void> {
  const connection = await connect(config.amqpUrl);
  const channel = await connection.createChannel();
  await channel.assertExchange(config.exchange, 'topic');
  await channel.assertQueue(config.queue, { arguments: { 'x-queue-type': 'quorum' } });
  await channel.bindQueue(config.queue, config.exchange, 'order.#');
  await connection.close();
}
void declareTopology();
// #endregion
