export { ReliableClientRMQ, type ReliableClientRmqOptions } from './reliable-client-rmq.js';
export { ReliableRmqServer } from './reliable-rmq-server.js';
export type { ReliableRmqOptions, ReliableRmqQueue } from './reliable-rmq.options.js';
