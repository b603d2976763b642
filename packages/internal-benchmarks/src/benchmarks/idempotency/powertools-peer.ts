import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import { CachePersistenceLayer } from '@aws-lambda-powertools/idempotency/cache';
import { createClient } from '@redis/client';
import type { Ground } from './ground.js';

type Client = ConstructorParameters<typeof CachePersistenceLayer>[0]['client'];
type Settings = ConstructorParameters<typeof IdempotencyConfig>[0];

/** What the function is given; its hash is the key, unless the settings say otherwise. */
export interface Order {
  readonly order: string;
  readonly amount?: number;
}

/** A function made idempotent by powertools, in Redis. */
export interface PowertoolsPeer {
  readonly call: (order: Order) => Promise<unknown>;
  close(): Promise<void>;
}

/** How a peer is set up; each as its documentation shows it, unless a scenario needs it otherwise. */
export interface PowertoolsSetup {
  readonly settings?: Settings;
  /** Milliseconds that the Lambda has left, as its context says; null outside of a Lambda. */
  readonly remainingMs?: number | null;
  /** Stands between the layer and Redis. */
  readonly between?: (client: Client) => Client;
}

export async function powertools(
  { redisUrl, mark }: Ground,
  handler: (order: Order) => Promise<unknown>,
  { settings = {}, remainingMs = 30_000, between = (client) => client }: PowertoolsSetup = {},
): Promise<PowertoolsPeer> {
  const client = createClient({ url: redisUrl });
  client.on('error', () => {});
  await client.connect();
  const config = new IdempotencyConfig(settings);
  if (remainingMs !== null)
    // Of the context, this is all that is read.
    config.registerLambdaContext({ getRemainingTimeInMillis: () => remainingMs } as never);
  const persistenceStore = new CachePersistenceLayer({
    client: between(client as unknown as Client),
  });
  const call = makeIdempotent(handler, { persistenceStore, config, keyPrefix: `${mark}:theirs` });
  return { call, close: async () => client.destroy() };
}
