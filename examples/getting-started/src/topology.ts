import { connect } from 'amqplib';
import type { Config } from './config.js';

/** What the example expects at the broker; in your system it is probably there already. */
export async function declareTopology(config: Config): Promise<void> {
  // #region topology
  const connection = await connect(config.amqpUrl);
  const channel = await connection.createChannel();
  // Where the events go, and somebody who wants them.
  await channel.assertExchange(config.exchange, 'topic');
  await channel.assertQueue(`${config.exchange}.captured`);
  await channel.bindQueue(`${config.exchange}.captured`, config.exchange, 'payment.captured.*');
  // Where messages go that cannot be handled.
  await channel.assertExchange(config.deadLetterExchange, 'fanout');
  await channel.assertQueue(`${config.queue}.dead`);
  await channel.bindQueue(`${config.queue}.dead`, config.deadLetterExchange, '');
  await connection.close();
  // #endregion
}
