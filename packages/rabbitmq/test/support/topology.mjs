// Names come from the test that runs it.
const { PREFIX = '' } = process.env;

// #region topology
export const topology = {
  exchanges: [{ name: `${PREFIX}shop`, type: 'topic' }],
  queues: [
    { name: `${PREFIX}orders`, arguments: { 'x-queue-type': 'quorum', 'x-max-length': 100_000 } },
  ],
  bindings: [{ source: `${PREFIX}shop`, queue: `${PREFIX}orders`, routingKey: 'order.#' }],
};
// #endregion
