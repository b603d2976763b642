import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { ServiceName } from '@acme/internal-testing/services';
import { connect } from 'amqplib';
import { Redis } from 'ioredis';
import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';

type Env = Readonly<Record<string, string>>;

/** Node's version, the packages' as they are installed here, and the servers' own words about theirs. */
export async function versions(
  packages: readonly string[],
  services: readonly ServiceName[],
  env: Env,
): Promise<Record<string, string>> {
  const found: Record<string, string> = { node: process.versions.node };
  for (const name of packages) found[name] = packageVersion(name);
  for (const name of services) found[name] = await serverVersion[name](env);
  return found;
}

/** Looks for the manifest above the entry point: not every package exports its own. */
function packageVersion(name: string): string {
  let folder = dirname(createRequire(import.meta.url).resolve(name));
  for (;;) {
    const file = join(folder, 'package.json');
    const manifest = existsSync(file)
      ? (JSON.parse(readFileSync(file, 'utf8')) as { name?: string; version?: string })
      : {};
    if (manifest.name === name) return manifest.version ?? 'unversioned';
    if (folder === dirname(folder)) throw new Error(`The manifest of ${name} was not found.`);
    folder = dirname(folder);
  }
}

const serverVersion: Record<ServiceName, (env: Env) => Promise<string>> = {
  postgres: async ({ DATABASE_URL }) => {
    const client = new Client({ connectionString: DATABASE_URL });
    await client.connect();
    const { rows } = await client.query<{ server_version: string }>('show server_version');
    await client.end();
    return rows[0]?.server_version.split(' ')[0] ?? 'unknown';
  },
  rabbitmq: async ({ AMQP_URL = '' }) => {
    const connection = await connect(AMQP_URL);
    const { version } = connection.connection.serverProperties;
    await connection.close();
    return version;
  },
  redis: async ({ REDIS_URL = '' }) => {
    const redis = new Redis(REDIS_URL);
    const info = await redis.info('server');
    redis.disconnect();
    return /redis_version:(\S+)/.exec(info)?.[1] ?? 'unknown';
  },
  mariadb: async ({ MYSQL_URL = '' }) => {
    const connection = await createConnection(MYSQL_URL);
    const [rows] = await connection.query('select version() as version');
    await connection.end();
    return (rows as { version: string }[])[0]?.version ?? 'unknown';
  },
};
