import 'reflect-metadata';
import { testDatabase, testRedis, type TestDatabase, type TestRedis } from '@acme/internal-testing';
import { runBenchmark, type Result } from '@acme/internal-benchmarks';
import { beforeAll, describe, expect, it } from 'vitest';
import { idempotency } from '../src/benchmarks/idempotency.js';
import { onGround } from '../src/benchmarks/idempotency/ground.js';

let database: TestDatabase;
let redis: TestRedis;
let env: Record<string, string>;

beforeAll(async () => {
  database = await testDatabase();
  redis = await testRedis();
  env = { DATABASE_URL: database.url, REDIS_URL: redis.url };
});

describe('bench idempotency --quick', () => {
  let result: Result;

  beforeAll(async () => {
    const settings = { quick: true, env, versions: {}, progress: () => undefined };
    result = await runBenchmark(idempotency, settings);
  });

  // How fast we are on a machine that runs other tests meanwhile says nothing; how much we send does.
  it('counts what is sent: no more than the bars allow', () => {
    const counted = Object.entries(result.bars).filter(([key]) => /Commands|Extra/.test(key));
    expect(counted).toHaveLength(5);
    expect(counted.filter(([, { ok }]) => ok !== true)).toEqual([]);
    expect(result.figures['redisCommandsFirst']).toBeGreaterThan(0);
    expect(result.figures['pgTxExtraStatementsVoid']).toBeGreaterThan(0);
  });

  it('measures every other figure', () => {
    const missing = Object.entries(result.figures).filter(([, value]) => value === null);
    expect(missing).toEqual([]);
    expect(result.figures['memoryOverheadMicros']).toBeGreaterThan(0);
    expect(result.figures['redisFirstVsRaw']).toBeGreaterThan(0);
  });

  it('finds that we do right where a peer does not', () => {
    expect(result.correctness.filter(({ ok }) => !ok)).toEqual([]);
    expect(result.correctness.length).toBeGreaterThanOrEqual(25);
  });

  it('still finds every defect in the peer: a row that shows none compares nothing', () => {
    expect(result.correctness.filter((row) => row.peerResult === row.ours)).toEqual([]);
  });
});

describe('the ground', () => {
  it('is taken away with everything on it, also when the work fails', async () => {
    let mark = '';
    const work = onGround(env, async (ground) => {
      mark = ground.mark;
      await ground.redis.set(`prefix:${mark}:key`, 'value');
      throw new Error('halfway');
    });
    await expect(work).rejects.toThrow('halfway');
    expect(await redis.client.keys(`*${mark}*`)).toEqual([]);
    const { rows } = await database.pool.query('select to_regnamespace($1) as schema', [mark]);
    expect(rows).toEqual([{ schema: null }]);
  });
});
