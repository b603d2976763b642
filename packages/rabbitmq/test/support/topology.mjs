// #region topology
export const topology = {
  exchanges: [{ name: 'shop', type: 'topic' }],
  queues: [{ name: 'orders', arguments: { 'x-queue-type': 'quorum', 'x-max-length': 100_000 } }],
  bindings: [{ source: 'shop', queue: 'orders', routingKey: 'order.#' }],
};
// #endregion
