import { readConfig } from '@shop/platform';
import { z } from 'zod';

const schema = z.object({
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  /** The part of the database that is this service's own; created if it is not there. */
  DATABASE_SCHEMA: z.stringFormat('sql-name', /^[a-z_][a-z0-9_]{0,47}$/).default('notifications'),
  AMQP_URL: z.url({ protocol: /^amqps?$/ }),
  REDIS_URL: z.url({ protocol: /^rediss?$/ }),
  /** Put before every key, so that several shops can share a Redis. */
  REDIS_PREFIX: z.string().default('shop:'),
  /** The topic exchange that all events of the shop go to. */
  EVENTS_EXCHANGE: z.string().default('shop.events'),
  /** The queue that this service reads; what it gives up goes to `<queue>.dlq`. */
  QUEUE: z.string().default('notifications.payments'),
  /** For one in so many orders the mail provider is busy at first; 0: for none. */
  MAIL_BUSY_EVERY: z.coerce.number().int().nonnegative().default(0),
  /** How many messages are in work at once. */
  PREFETCH: z.coerce.number().int().positive().default(20),
});

export const config = readConfig('notifications', schema);
