import { QUORUM } from '../quorum.js';

/** How long what has failed stays away: longer than anything takes here. */
export const LATER_MS = 600_000;

/** The queue where it waits. */
export const waitQueueOf = (queue: string): string => `${queue}.retry.${LATER_MS}`;

/** As our module declares it. */
export const waitQueueOptions = (queue: string) => ({
  durable: true,
  arguments: {
    ...QUORUM.arguments,
    'x-message-ttl': LATER_MS,
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': queue,
    'x-dead-letter-strategy': 'at-least-once',
    'x-overflow': 'reject-publish',
  },
});
