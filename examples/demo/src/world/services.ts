import { freePorts } from '@acme/internal-testing/services';
import type { ServiceSpec } from '../supervisor/supervised.js';
import { until } from '../until.js';
import type { World } from './world.js';

export interface Shop {
  readonly specs: readonly ServiceSpec[];
  readonly gatewayUrl: string;
}

/** The four services, each told only what it needs to know. */
export async function shopIn({ run, databases, broker, taps, redisUrl }: World): Promise<Shop> {
  const [http, grpc] = (await freePorts(2)) as [number, number];
  const redis = { REDIS_URL: redisUrl, REDIS_PREFIX: `${run}:` };
  const events = { EVENTS_EXCHANGE: broker.exchange };
  const specs: ServiceSpec[] = [
    {
      name: 'gateway',
      env: { PORT: String(http), ORDERS_GRPC_URL: `127.0.0.1:${grpc}`, ...redis },
    },
    {
      name: 'orders',
      env: {
        GRPC_URL: `127.0.0.1:${grpc}`,
        ...databases.env('orders'),
        AMQP_URL: taps.orders.url,
        ...events,
      },
    },
    {
      name: 'billing',
      env: {
        ...databases.env('billing'),
        AMQP_URL: taps.billing.url,
        QUEUE: broker.queue('billing'),
        ...events,
      },
    },
    {
      name: 'notifications',
      env: {
        ...databases.env('notifications'),
        AMQP_URL: taps.notifications.url,
        QUEUE: broker.queue('notifications'),
        MAIL_BUSY_EVERY: '10',
        ...redis,
        ...events,
      },
    },
  ];
  return { specs, gatewayUrl: `http://127.0.0.1:${http}` };
}

/** Waits until customers can be let in. */
export async function shopOpen(
  { gatewayUrl }: Shop,
  { broker }: World,
  signal: AbortSignal,
  assertRunning: () => void,
): Promise<void> {
  const ready = (what: string, condition: () => Promise<boolean>) =>
    until(
      () => {
        assertRunning();
        return condition();
      },
      { what, deadlineMs: 60_000, signal },
    );
  // The gateway is ready when orders is.
  await ready('gateway and orders to be ready', async () => {
    const { ok } = await fetch(`${gatewayUrl}/health`, { signal: AbortSignal.timeout(5_000) });
    return ok;
  });
  for (const owner of ['billing', 'notifications'] as const) {
    await ready(`${owner} to read its queue`, async () => {
      const queue = await broker.look(broker.queue(owner));
      return (queue?.consumers ?? 0) > 0;
    });
  }
}
