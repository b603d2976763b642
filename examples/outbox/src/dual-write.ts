import type { ConfirmChannel } from 'amqplib';
import type { Pool } from 'pg';
import type { Order } from './orders.js';

async function announce(channel: ConfirmChannel, exchange: string, order: Order): Promise<void> {
  const body = Buffer.from(JSON.stringify({ orderId: order.id, amount: order.amount }));
  channel.publish(exchange, 'order.placed.v1', body, { persistent: true });
  await channel.waitForConfirms();
}

/** Two systems, two commits, and nothing that holds them together. */
// #region commit-first
export async function commitFirst(
  pool: Pool,
  channel: ConfirmChannel,
  exchange: string,
  order: Order,
): Promise<void> {
  await pool.query('insert into shop_order values ($1, $2)', [order.id, order.amount]);
  // The process dies here, or the broker is away: an order that nobody ever hears of.
  await announce(channel, exchange, order);
}
// #endregion

// #region publish-first
export async function publishFirst(
  pool: Pool,
  channel: ConfirmChannel,
  exchange: string,
  order: Order,
): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query('insert into shop_order values ($1, $2)', [order.id, order.amount]);
    await announce(channel, exchange, order);
    // The process dies here, or the database refuses: everybody has heard of an order that does not exist.
    await client.query('commit');
  } finally {
    client.release();
  }
}
// #endregion
