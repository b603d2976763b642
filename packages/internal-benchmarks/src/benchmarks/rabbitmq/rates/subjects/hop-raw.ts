import { connect, type ConsumeMessage } from 'amqplib';
import type { OpenSubject } from '../subject.js';
import { Turn } from '../turn.js';
import { waitQueueOptions } from '../wait-queue.js';

/** The least that loses nothing: publish to the wait queue, look whether it came back, and ack with the confirm. */
export const open: OpenSubject = async ({ amqpUrl, queue, waitQueue, prefetch }) => {
  const turn = new Turn();
  const [consuming, publishing] = await Promise.all([connect(amqpUrl), connect(amqpUrl)]);
  const consumer = await consuming.createChannel();
  const publisher = await publishing.createConfirmChannel();
  await consumer.assertQueue(waitQueue, waitQueueOptions(queue));
  const returned = new Set<unknown>();
  publisher.on('return', ({ properties }) => returned.add(properties.messageId));
  const retry = (message: ConsumeMessage): void => {
    const { content, properties } = message;
    const { headers, messageId, type, contentType, timestamp } = properties;
    publisher.publish(
      '',
      waitQueue,
      content,
      {
        persistent: true,
        mandatory: true,
        messageId,
        type,
        contentType,
        timestamp,
        headers: { ...headers, 'x-attempt': Number(headers?.['x-attempt'] ?? 1) + 1 },
      },
      (error) => {
        if (error || returned.has(messageId)) throw new Error('Not confirmed.', { cause: error });
        consumer.ack(message);
      },
    );
  };
  await consumer.prefetch(prefetch);
  const handle = async (message: ConsumeMessage): Promise<void> => {
    try {
      await turn.take();
      throw new Error('The warehouse does not answer.');
    } catch {
      retry(message);
    }
  };
  await consumer.consume(queue, (message) => {
    if (message) void handle(message);
  });
  return {
    run: (count) => turn.run(count),
    close: () => Promise.all([consuming.close(), publishing.close()]),
  };
};
