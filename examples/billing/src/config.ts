import { readConfig } from '@shop/platform';
import { z } from 'zod';

const schema = z.object({
  /** Carries the schema to work in: `?options=-c%20search_path=billing`. */
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  AMQP_URL: z.url({ protocol: /^amqps?$/ }),
  /** The topic exchange that all events of the shop go to. */
  EVENTS_EXCHANGE: z.string().default('shop.events'),
  /** The queue that this service reads; what it gives up goes to `<queue>.dead`. */
  QUEUE: z.string().default('billing.orders'),
  /** How many messages are in work at once. */
  PREFETCH: z.coerce.number().int().positive().default(20),
});

export const config = readConfig('billing', schema);
