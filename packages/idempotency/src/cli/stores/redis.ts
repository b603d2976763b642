import type { RedisLike } from '../../stores/redis/redis-client.js';
import { RedisIdempotencyStore } from '../../stores/redis/redis.store.js';
import type { Scheme } from './schemes.js';

const CONNECT_MS = 10_000;

interface Connection {
  readonly client: RedisLike;
  readonly close: () => unknown;
}

interface Emitter {
  on(event: 'error', listener: (error: unknown) => void): unknown;
  connect(): Promise<unknown>;
}

type IoRedis = RedisLike & Emitter & { readonly status: string; disconnect(): void };
type IoRedisClass = new (url: string, options: object) => IoRedis;

/** `destroy` since version 5, `disconnect` before. */
type NodeRedis = RedisLike & Emitter & { destroy?(): void; disconnect?(): Promise<void> };

export const REDIS: Scheme = {
  options: ['prefix'],

  async open(url, { prefix }, drivers) {
    const { name, exports } = drivers('ioredis', 'redis');
    const { client, close } = await (name === 'ioredis'
      ? connectIoRedis(exports as IoRedisExports, url)
      : connectNodeRedis(exports as NodeRedisExports, url));
    return {
      store: new RedisIdempotencyStore(client, { prefix }),
      close: async () => void (await close()),
    };
  },
};

interface IoRedisExports {
  readonly Redis?: IoRedisClass;
  readonly default: IoRedisClass;
}

async function connectIoRedis(exports: IoRedisExports, url: string): Promise<Connection> {
  const Redis = exports.Redis ?? exports.default;
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: CONNECT_MS,
    // Whoever waits for a command wants an error now.
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  });
  // It waits two seconds for the end of a connection that has ended.
  const close = (): void => {
    if (client.status !== 'end') client.disconnect();
  };
  // connect() itself only says that the connection is closed.
  let reason: unknown;
  client.on('error', (error) => (reason ??= error));
  return connected(client, close, () => reason);
}

interface NodeRedisExports {
  createClient(options: object): NodeRedis;
}

async function connectNodeRedis(exports: NodeRedisExports, url: string): Promise<Connection> {
  const client = exports.createClient({
    url,
    socket: { connectTimeout: CONNECT_MS, reconnectStrategy: false },
  });
  client.on('error', () => {});
  const close = (): unknown => (client.destroy ? client.destroy() : client.disconnect?.());
  return connected(client, close, () => undefined);
}

async function connected(
  client: RedisLike & Emitter,
  close: () => unknown,
  reason: () => unknown,
): Promise<Connection> {
  try {
    await client.connect();
    return { client, close };
  } catch (error) {
    await Promise.resolve()
      .then(close)
      // It never opened.
      .catch(() => {});
    throw reason() ?? error;
  }
}
