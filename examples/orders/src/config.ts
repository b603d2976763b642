import { readConfig } from '@shop/platform';
import { z } from 'zod';

const schema = z.object({
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  /** The part of the database that is this service's own; created if it is not there. */
  DATABASE_SCHEMA: z.stringFormat('sql-name', /^[a-z_][a-z0-9_]{0,47}$/).default('orders'),
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
