/** Where the servers are, and what is called how at the broker. */
// #region config
export const config = {
  databaseUrl: process.env['DATABASE_URL'] ?? 'postgres://localhost/shop',
  amqpUrl: process.env['AMQP_URL'] ?? 'amqp://localhost',
  exchange: process.env['EVENTS_EXCHANGE'] ?? 'shop',
  queue: process.env['EVENTS_QUEUE'] ?? 'shop.orders',
};
// #endregion
