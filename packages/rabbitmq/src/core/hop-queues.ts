import type { BrokerFacts } from './broker-facts.js';

/** `'quorum'`: replicated, and kept on disk. `'classic'`: for queues that are classic themselves, on one node. */
export type QueueType = 'quorum' | 'classic';

/** A queue that messages are published to when they are retried or parked. */
export interface HopQueue {
  readonly name: string;
  /** Whether one that exists with other arguments does as well. */
  readonly acceptsExisting: boolean;
  argumentsOn(facts: BrokerFacts): Record<string, unknown>;
}

/**
 * Where messages of a queue wait so many milliseconds; then the broker brings them back, to the queue itself: by way of its
 * exchange every other queue that is bound would get them once more.
 *
 * A quorum queue keeps what it could not bring back (`at-least-once`), as long as the queue is missing; that needs an overflow
 * that refuses, and no limit that could be reached.
 */
export function waitQueue(queue: string, afterMs: number, type: QueueType): HopQueue {
  const back = {
    'x-message-ttl': afterMs,
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': queue,
  };
  return {
    name: `${queue}.retry.${afterMs}`,
    acceptsExisting: false,
    argumentsOn: ({ quorumWaitQueues }) =>
      type === 'quorum' && quorumWaitQueues
        ? {
            'x-queue-type': 'quorum',
            ...back,
            'x-dead-letter-strategy': 'at-least-once',
            'x-overflow': 'reject-publish',
          }
        : { 'x-queue-type': 'classic', ...back },
  };
}

/**
 * Where messages are parked. Nobody consumes it, but people look into it, and each look counts toward the delivery limit of a
 * quorum queue: from 4.0 on there is one by default, and beyond it the message would be dropped. One that is there already will do,
 * whatever its arguments: it may have been declared by hand, or with an older broker, and be full.
 */
export function deadLetterQueue(name: string, type: QueueType): HopQueue {
  return {
    name,
    acceptsExisting: true,
    argumentsOn: ({ unlimitedDeliveryLimit }) => ({
      'x-queue-type': type,
      ...(type === 'quorum' && unlimitedDeliveryLimit && { 'x-delivery-limit': -1 }),
    }),
  };
}
