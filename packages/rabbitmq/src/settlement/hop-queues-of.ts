import { waitQueue, type HopQueue } from '../core/hop-queues.js';
import { tiersOf } from '../core/retry-policy.js';
import type { QueuePolicy } from '../policy/queue-policy.js';
import { deadLettersOf } from './dead-letters-of.js';

/** The dead-letter queue and the wait queues of a queue. */
export const hopQueuesOf = (queue: string, policy: QueuePolicy): HopQueue[] => [
  deadLettersOf(queue, policy),
  ...tiersOf(policy.retry).map((afterMs) => waitQueue(queue, afterMs, policy.queueType)),
];
