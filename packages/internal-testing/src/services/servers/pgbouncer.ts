import { join } from 'node:path';
import pg from 'pg';
import type { Place, ServerKind } from '../contracts.js';
import { findProgram } from './find-program.js';
import { writeFile } from './write-file.js';

/** PgBouncer in front of one PostgreSQL server. */
export function pgBouncer(upstream: string): ServerKind {
  const { pathname } = new URL(upstream);
  return {
    name: 'pgbouncer',
    label: 'PgBouncer',
    variable: 'DATABASE_URL',
    packages: ['pgbouncer'],
    ping,
    locate: () => {
      const file = findProgram('pgbouncer');
      if (!file) return undefined;
      return {
        // It refuses root, and its Debian package brings this user.
        user: 'postgres',
        ports: 1,
        abruptSignal: 'SIGTERM',
        // Waits for the transactions that are open.
        gracefulSignal: 'SIGINT',
        prepare: async (place) => [writeFile('pgbouncer.ini', configuration(place, upstream))],
        processes: ({ folder }) => [
          { name: 'pgbouncer', file, args: [join(folder, 'pgbouncer.ini')] },
        ],
        addresses: ({ ports: [port] }) => ({
          DATABASE_URL: `postgres://postgres:postgres@127.0.0.1:${port}${pathname}`,
        }),
      };
    },
  };
}

/** Asks PgBouncer itself: whether the server behind it answers is another matter. */
async function ping(address: string, timeoutMs: number): Promise<string> {
  const url = new URL(address);
  url.pathname = '/pgbouncer';
  const client = new pg.Client({
    connectionString: url.href,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ version: string }>('show version');
    return rows[0]?.version.replace(/^PgBouncer /, '') ?? 'unknown version';
  } finally {
    await client.end().catch(() => {});
  }
}

function configuration({ ports: [port], settings }: Place, upstream: string): string {
  const all: Record<string, string> = {
    listen_addr: '127.0.0.1',
    listen_port: String(port),
    // None: a path under a long temporary folder would be too long for a socket.
    unix_socket_dir: '',
    // Whatever login a client gives, the server sees the one of the upstream address.
    auth_type: 'any',
    pool_mode: 'transaction',
    max_client_conn: '1000',
    ...settings,
  };
  return [
    '[databases]',
    `* = ${database(upstream)}`,
    '[pgbouncer]',
    ...Object.entries(all).map(([key, value]) => `${key} = ${value}`),
  ].join('\n');
}

function database(upstream: string): string {
  const { hostname, port, username, password, searchParams } = new URL(upstream);
  const all: Record<string, string> = {
    host: hostname,
    port: port || '5432',
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
  };
  const first = sessionSettings(searchParams.get('options') ?? '');
  if (first) all['connect_query'] = first;
  return Object.entries(all)
    .map(([key, value]) => `${key}=${quoted(value)}`)
    .join(' ');
}

/** PgBouncer passes no `options` on, so what they set (the search path of a test's schema) is set on its connections. */
function sessionSettings(options: string): string | undefined {
  const given = [...options.matchAll(/-c\s*([\w.]+)=(\S+)/g)];
  if (given.length === 0) return undefined;
  const calls = given.map(
    ([, name = '', value = '']) => `set_config(${quoted(name)}, ${quoted(value)}, false)`,
  );
  return `select ${calls.join(', ')}`;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
