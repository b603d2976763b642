import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { Place, PrivateRecipe, Service } from '../contracts.js';

/** A server that was killed left its pid file, and the segment that the file names. */
const REMOVE_SHARED_MEMORY = `
[ -e data/postmaster.pid ] || exit 0
set -- $(sed -n 7p data/postmaster.pid)
ipcrm --shmem-id "$2" || true
`;

const LOGIN = 'postgres:postgres';

export const postgres: Service = {
  name: 'postgres',
  label: 'PostgreSQL',
  variable: 'DATABASE_URL',
  defaultUrls: [`postgres://${LOGIN}@127.0.0.1:5432/postgres`],
  packages: ['postgresql'],
  container: {
    image: 'postgres:17',
    env: { POSTGRES_PASSWORD: 'postgres' },
    command: ['postgres', '-c', 'max_connections=300'],
    ports: [5432],
    addresses: ([port]) => ({ DATABASE_URL: url(port) }),
  },
  ping,
  contents,
  locate,
};

function url(port: number | undefined): string {
  return `postgres://${LOGIN}@127.0.0.1:${port}/postgres`;
}

function ping(address: string, timeoutMs: number): Promise<string> {
  return query(address, timeoutMs, 'show server_version').then(
    ([version]) => version?.split(' ')[0] as string,
  );
}

async function contents({ DATABASE_URL }: Readonly<Record<string, string>>): Promise<string[]> {
  return query(
    DATABASE_URL as string,
    10_000,
    `select 'schema ' || nspname
       from pg_namespace
      where nspname !~ '^pg_' and nspname not in ('information_schema', 'public')
     union all
     select 'relation public.' || relname from pg_class where relnamespace = to_regnamespace('public')
     union all
     select 'database ' || datname from pg_database where not datistemplate and datname <> 'postgres'`,
  );
}

/** The first column. */
async function query(address: string, timeoutMs: number, text: string): Promise<string[]> {
  const client = new pg.Client({
    connectionString: address,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query<[unknown]>({ text, rowMode: 'array' });
    return rows.map(([value]) => String(value));
  } finally {
    await client.end().catch(() => {});
  }
}

function locate(): PrivateRecipe | undefined {
  const bin = newestInstallation();
  if (!bin) return undefined;
  return {
    user: 'postgres',
    ports: 1,
    // An immediate shutdown: it removes its shared memory, which SIGKILL would leave behind.
    abruptSignal: 'SIGQUIT',
    gracefulSignal: 'SIGINT',
    prepare: async ({ folder }) => [
      {
        file: 'sh',
        args: [
          '-c',
          'echo postgres > password && exec "$@"',
          'sh',
          join(bin, 'initdb'),
          `--pgdata=${join(folder, 'data')}`,
          '--username=postgres',
          '--pwfile=password',
          '--auth=scram-sha-256',
          '--encoding=UTF8',
          '--locale=C.UTF-8',
          '--no-sync',
        ],
      },
    ],
    processes: (place) => [
      { name: 'postgres', file: join(bin, 'postgres'), args: serverArguments(place) },
    ],
    addresses: ({ ports: [port] }) => ({ DATABASE_URL: url(port) }),
    cleanUp: () => ({ file: 'sh', args: ['-c', REMOVE_SHARED_MEMORY] }),
  };
}

function serverArguments({ folder, ports: [port], settings }: Place): string[] {
  const all: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    // None: a path under a long temporary folder would be too long for a socket.
    unix_socket_directories: '',
    max_connections: '300',
    // Left at its default on purpose: what we measure and what we promise both depend on real commits.
    fsync: 'on',
    // The default keeps segments in /dev/shm, where a killed server leaves them.
    dynamic_shared_memory_type: 'mmap',
    timezone: 'UTC',
    ...settings,
  };
  return [
    '-D',
    join(folder, 'data'),
    '-p',
    String(port),
    ...Object.entries(all).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
  ];
}

function newestInstallation(): string | undefined {
  const root = '/usr/lib/postgresql';
  try {
    const [newest] = readdirSync(root)
      .filter((name) => /^\d+$/.test(name))
      .sort((a, b) => Number(b) - Number(a))
      .map((name) => join(root, name, 'bin'))
      .filter((bin) => readdirSync(bin).includes('initdb'));
    return newest;
  } catch {
    return undefined;
  }
}
