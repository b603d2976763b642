import { deadLetterQueue, type HopQueue } from '../core/hop-queues.js';
import type { QueuePolicy } from '../policy/queue-policy.js';

/** Where messages of a queue are parked. */
export function deadLettersOf(
  queue: string,
  { deadLetterQueue: given, queueType }: Pick<QueuePolicy, 'deadLetterQueue' | 'queueType'>,
): HopQueue {
  // Where one is for all queues, and is read itself: what it gives up would come again at once.
  const name = given === undefined || given === queue ? `${queue}.dlq` : given;
  return deadLetterQueue(name, queueType);
}
