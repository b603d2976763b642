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
  locate,
};

async function ping(address: string, timeoutMs: number): Promise<string> {
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
    const info = await Promise.race([client.connect().then(() => client.info('server')), failure]);
    return /redis_version:(\S+)/.exec(info)?.[1] ?? 'unknown version';
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
