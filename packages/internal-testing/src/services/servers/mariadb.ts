import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import type { Place, PrivateRecipe, Service } from '../contracts.js';
import { findProgram } from './find-program.js';

export const mariadb: Service = {
  name: 'mariadb',
  label: 'MariaDB',
  variable: 'MYSQL_URL',
  defaultUrls: ['mysql://root:root@127.0.0.1:3306', 'mysql://root@127.0.0.1:3306'],
  // The server without its system service, database and user: a private instance needs none of them.
  packages: ['mariadb-server-core', 'mariadb-client-core'],
  container: {
    image: 'mariadb:11',
    env: { MARIADB_ROOT_PASSWORD: 'root' },
    command: [],
    ports: [3306],
    addresses: ([port]) => ({ MYSQL_URL: url(port) }),
  },
  ping,
  contents,
  locate,
};

function url(port: number | undefined): string {
  return `mysql://root:root@127.0.0.1:${port}`;
}

async function ping(address: string, timeoutMs: number): Promise<string> {
  const [version] = await query(address, timeoutMs, 'select version()');
  return version?.split('-')[0] as string;
}

async function contents({ MYSQL_URL }: Readonly<Record<string, string>>): Promise<string[]> {
  const names = await query(
    MYSQL_URL as string,
    10_000,
    `select schema_name
       from information_schema.schemata
      where schema_name not in ('information_schema', 'mysql', 'performance_schema', 'sys')`,
  );
  return names.map((name) => `database ${name}`);
}

/** The first column. */
async function query(address: string, timeout: number, sql: string): Promise<string[]> {
  const connection = await createConnection({ uri: address, connectTimeout: timeout });
  connection.on('error', () => {});
  try {
    const [rows] = await connection.query({ sql, timeout, rowsAsArray: true });
    return (rows as unknown[][]).map(([value]) => String(value));
  } finally {
    connection.destroy();
  }
}

function locate(): PrivateRecipe | undefined {
  const install = findProgram('mariadb-install-db');
  const file = findProgram('mariadbd');
  // mariadb-install-db calls it, and it comes with the client.
  if (!install || !file || !findProgram('my_print_defaults')) return undefined;
  return {
    user: 'nobody',
    ports: 1,
    abruptSignal: 'SIGKILL',
    gracefulSignal: 'SIGTERM',
    prepare: async ({ folder }) => [
      {
        file: install,
        args: [
          '--no-defaults',
          `--datadir=${join(folder, 'data')}`,
          '--auth-root-authentication-method=normal',
          '--skip-test-db',
          '--skip-name-resolve',
        ],
      },
      {
        file: 'sh',
        args: [
          '-c',
          'echo "$1" > init.sql',
          'sh',
          "alter user root@localhost identified by 'root';",
        ],
      },
    ],
    processes: (place) => [{ name: 'mariadb', file, args: serverArguments(place) }],
    addresses: ({ ports: [port] }) => ({ MYSQL_URL: url(port) }),
  };
}

function serverArguments({ folder, ports: [port], settings }: Place): string[] {
  const all: Record<string, string> = {
    datadir: join(folder, 'data'),
    // Relative to the data folder: a path under a long temporary folder would be too long for a socket.
    socket: 'mariadb.sock',
    'pid-file': join(folder, 'data', 'mariadb.pid'),
    'bind-address': '127.0.0.1',
    port: String(port),
    'init-file': join(folder, 'init.sql'),
    'max-connections': '300',
    'character-set-server': 'utf8mb4',
    ...settings,
  };
  return ['--no-defaults', ...Object.entries(all).map(([key, value]) => `--${key}=${value}`)];
}
