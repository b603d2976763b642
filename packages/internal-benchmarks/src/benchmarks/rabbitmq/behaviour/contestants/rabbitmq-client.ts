import { Connection, ConsumerStatus } from 'rabbitmq-client';
import type { OpenContestant } from '../contestant.js';
import type { Task } from '../task.js';

/** Gives back what fails: the default, which the queue's delivery limit ends. */
export const open: OpenContestant = async (
  { amqpUrl, queue, queueOptions, prefetch, isRpc },
  work,
) => {
  const connection = new Connection(amqpUrl);
  connection.on('error', () => {});
  const consumer = connection.createConsumer(
    { queue, queueOptions, qos: { prefetchCount: prefetch }, concurrency: prefetch },
    async ({ body }, reply) => {
      // JSON that cannot be read comes as text.
      if (typeof body === 'string' || Buffer.isBuffer(body)) return ConsumerStatus.DROP;
      const result = await work(body as Task);
      if (isRpc) await reply(result as object);
      return ConsumerStatus.ACK;
    },
  );
  consumer.on('error', () => {});
  return {
    close: async () => {
      await consumer.close();
      await connection.close();
    },
  };
};
