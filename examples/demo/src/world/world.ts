import { provideServices } from '@acme/internal-testing/services';
import { Redis } from 'ioredis';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DemoFailure } from '../until.js';
import { Broker } from './broker.js';
import { Databases } from './databases.js';
import { WireTap } from './wire-tap.js';

/** Servers, and on them a place of this run's own that is empty again afterwards. */
export interface World {
  readonly run: string;
  readonly databases: Databases;
  readonly broker: Broker;
  readonly redisUrl: string;
  /** One on the line of each service that talks to the broker. */
  readonly taps: Readonly<Record<'orders' | 'billing' | 'notifications', WireTap>>;
  /** Where the services' logs go. */
  readonly logFolder: string;
}

/** Calls `use` with a world and takes away what was made for it, however `use` ends. */
export async function withWorld<T>(
  log: (line: string) => void,
  signal: AbortSignal,
  use: (world: World) => Promise<T>,
): Promise<T> {
  const cleanUps: (() => unknown)[] = [];
  try {
    const services = await provideServices({ need: ['postgres', 'rabbitmq', 'redis'], log });
    cleanUps.push(() => services.stop());
    signal.throwIfAborted();
    const world = await build(services.env as Record<ServerUrl, string>, cleanUps);
    signal.throwIfAborted();
    return await use(world);
  } finally {
    for (const cleanUp of cleanUps.reverse()) {
      // One that fails must not keep the others from being done: the last of them stops the servers.
      await Promise.resolve()
        .then(cleanUp)
        .catch((error: unknown) => log(`Cleaning up: ${String(error)}`));
    }
  }
}

type ServerUrl = 'DATABASE_URL' | 'AMQP_URL' | 'REDIS_URL';

async function build(urls: Record<ServerUrl, string>, cleanUps: (() => unknown)[]): Promise<World> {
  const run = `shop_demo_${randomBytes(4).toString('hex')}`;
  if (!urls.AMQP_URL.startsWith('amqp://')) {
    throw new DemoFailure(
      'The demo listens on the line between services and broker, so AMQP_URL must be amqp:// (without TLS).',
    );
  }
  const databases = new Databases(urls.DATABASE_URL, run);
  cleanUps.push(() => databases.drop());
  const broker = await Broker.connect(urls.AMQP_URL, run);
  cleanUps.push(() => broker.clean());
  cleanUps.push(() => removeKeys(urls.REDIS_URL, run));
  const tap = async (): Promise<WireTap> => {
    const opened = await WireTap.open(urls.AMQP_URL);
    cleanUps.push(() => opened.close());
    return opened;
  };
  const taps = { orders: await tap(), billing: await tap(), notifications: await tap() };
  const logFolder = mkdtempSync(join(tmpdir(), 'shop-demo-'));
  return { run, databases, broker, redisUrl: urls.REDIS_URL, taps, logFolder };
}

/** For a run that went well: nobody will ask for its logs. */
export function removeLogs({ logFolder }: World): void {
  rmSync(logFolder, { recursive: true, force: true });
}

/** Removes what a run has left in Redis. */
export async function removeKeys(url: string, run: string): Promise<void> {
  const redis = new Redis(url);
  redis.on('error', () => {});
  try {
    for await (const keys of redis.scanStream({ match: `${run}:*`, count: 1000 })) {
      if ((keys as string[]).length > 0) await redis.unlink(...(keys as string[]));
    }
  } finally {
    redis.disconnect();
  }
}
