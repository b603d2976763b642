/** How every queue is declared. */
export const QUORUM = { durable: true, arguments: { 'x-queue-type': 'quorum' } };
