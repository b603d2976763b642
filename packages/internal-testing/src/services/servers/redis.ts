import { Redis } from 'ioredis';
import type { PrivateRecipe, Service } from '../contracts.js';
import { findProgram } from './find-program.js';

export const redis: Service = {
  name: 'redis',
  label: 'Redis',
  variable: 'REDIS_URL',
  defaultUrls: ['redis://127.0.0.1:6379'],
  packages: ['redis-server'],
  container: {
    image: 'redis:7',
    env: {},
    command: ['redis-server', '--save', '', '--appendonly', 'no'],
    ports: [6379],
    addresses: ([port]) => ({ REDIS_URL: `redis://127.0.0.1:${port}` }),
  },
  ping,
  contents,
  locate,
};

async function ping(address: string, timeoutMs: number): Promise<string> {
  const info = await ask(address, timeoutMs, (client) => client.info('server'));
  return /redis_version:(\S+)/.exec(info)?.[1] ?? 'unknown version';
}

async function contents({ REDIS_URL }: Readonly<Record<string, string>>): Promise<string[]> {
  const keys = await ask(REDIS_URL as string, 10_000, (client) => client.keys('*'));
  return keys.map((key) => `key ${key}`);
}

/** Asks one question on a connection of its own, and fails with what its events tell. */
export async function ask<T>(
  address: string,
  timeoutMs: number,
  question: (client: Redis) => Promise<T>,
): Promise<T> {
  const client = new Redis(address, {
    lazyConnect: true,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  const failure = new Promise<never>((_, fail) => client.on('error', fail));
  // The client says only "Connection is closed." where its error event tells why.
  failure.catch(() => {});
  try {
    return await Promise.race([client.connect().then(() => question(client)), failure]);
  } finally {
    client.disconnect();
  }
}

function locate(): PrivateRecipe | undefined {
  const file = findProgram('redis-server');
  if (!file) return undefined;
  return {
    user: 'nobody',
    ports: 1,
    abruptSignal: 'SIGKILL',
    gracefulSignal: 'SIGTERM',
    prepare: async () => [],
    processes: ({ folder, ports: [port], settings }) => {
      const all: Record<string, string> = {
        bind: '127.0.0.1',
        port: String(port),
        dir: folder,
        save: '',
        appendonly: 'no',
        ...settings,
      };
      const args = Object.entries(all).flatMap(([key, value]) => [`--${key}`, value]);
      return [{ name: 'redis', file, args }];
    },
    addresses: ({ ports: [port] }) => ({ REDIS_URL: `redis://127.0.0.1:${port}` }),
  };
}
