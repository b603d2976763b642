import { randomBytes } from 'node:crypto';
import { createClient } from '@redis/client';
import type { NodeRedisLike } from '@acme/nest-idempotency';
import { Redis } from 'ioredis';
import pg from 'pg';
import { withSearchPath } from '../../with-search-path.js';

/** What every part of the benchmark stands on: a piece of Redis and of PostgreSQL of this run's own. */
export interface Ground {
  readonly redisUrl: string;
  readonly redis: Redis;
  /** A client of the library that the peers use, so that beside them only the protection differs. */
  readonly nodeRedis: NodeRedisLike;
  /** Stands in every key in Redis, whoever writes it. */
  readonly mark: string;
  /** Opens connections whose search path is `schema`. Its owner ends it. */
  readonly openPool: () => pg.Pool;
  readonly schema: string;
}

/** Enough for 64 callers to wait for each other, as they do in a service. */
const CONNECTIONS = 20;

/** Lends the ground to `work` and takes everything away that it leaves there. */
export async function onGround<T>(
  { DATABASE_URL = '', REDIS_URL = '' }: Readonly<Record<string, string>>,
  work: (ground: Ground) => Promise<T>,
): Promise<T> {
  const mark = `bench_${randomBytes(6).toString('hex')}`;
  const redis = new Redis(REDIS_URL);
  const nodeRedis = createClient({ url: REDIS_URL });
  nodeRedis.on('error', () => {});
  await nodeRedis.connect();
  const admin = new pg.Client({ connectionString: DATABASE_URL });
  await admin.connect();
  const connectionString = withSearchPath(DATABASE_URL, mark);
  const openPool = (): pg.Pool => new pg.Pool({ connectionString, max: CONNECTIONS });
  try {
    await admin.query(TABLES(mark));
    return await work({ redisUrl: REDIS_URL, redis, nodeRedis, mark, openPool, schema: mark });
  } finally {
    await admin.query(`drop schema if exists ${mark} cascade`);
    await admin.end();
    await forget(redis, mark);
    nodeRedis.destroy();
    redis.disconnect();
  }
}

/** The business's own table, that of the seed document's snippet, and the least that a claim can do with. */
const TABLES = (schema: string): string => `
create schema ${schema};
create table ${schema}.payment (
  id bigint generated always as identity primary key,
  reference text not null,
  amount integer not null
);
create table ${schema}.claim_by_hand (
  id bytea primary key,
  expires_at timestamptz not null
);
create table ${schema}.processed_event (
  id text primary key,
  processed_at timestamptz not null default now()
)`;

async function forget(redis: Redis, mark: string): Promise<void> {
  for await (const keys of redis.scanStream({ match: `*${mark}*`, count: 1_000 })) {
    if ((keys as string[]).length > 0) await redis.unlink(...(keys as string[]));
  }
}
