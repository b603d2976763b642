import { readConfig } from '@shop/platform';
import { z } from 'zod';

const schema = z.object({
  PORT: z.coerce.number().int().positive().default(3000),
  REDIS_URL: z.url({ protocol: /^rediss?$/ }),
  /** Put before every key, so that several shops can share a Redis. */
  REDIS_PREFIX: z.string().default('shop:'),
  ORDERS_GRPC_URL: z.string().default('localhost:50051'),
  /** How long a caller waits for orders before it gives up. */
  GRPC_DEADLINE_MS: z.coerce.number().int().positive().default(5_000),
  /** How often an idle connection is asked whether it is still there. */
  GRPC_KEEPALIVE_MS: z.coerce.number().int().positive().default(30_000),
  /** How long the answer may take before the connection is given up. */
  GRPC_KEEPALIVE_TIMEOUT_MS: z.coerce.number().int().positive().default(5_000),
  GRPC_MAX_MESSAGE_BYTES: z.coerce.number().int().positive().default(1_048_576),
});

export const config = readConfig('gateway', schema);
