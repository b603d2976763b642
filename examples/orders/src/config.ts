import { readConfig } from '@shop/platform';
import { z } from 'zod';

const schema = z.object({
  /** Carries the schema to work in: `?options=-c%20search_path=orders`. */
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  AMQP_URL: z.url({ protocol: /^amqps?$/ }),
  /** The topic exchange that all events of the shop go to. */
  EVENTS_EXCHANGE: z.string().default('shop.events'),
  GRPC_URL: z.string().default('0.0.0.0:50051'),
  /** How often an idle connection is asked whether it is still there. */
  GRPC_KEEPALIVE_MS: z.coerce.number().int().positive().default(30_000),
  /** How long the answer may take before the connection is given up. */
  GRPC_KEEPALIVE_TIMEOUT_MS: z.coerce.number().int().positive().default(5_000),
  GRPC_MAX_MESSAGE_BYTES: z.coerce.number().int().positive().default(1_048_576),
});

export const config = readConfig('orders', schema);
