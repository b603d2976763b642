import 'reflect-metadata';
import {
  testBroker,
  testDatabase,
  type TestBroker,
  type TestDatabase,
} from '@acme/internal-testing';
import { runBenchmark, type Result } from '@acme/internal-benchmarks';
import { beforeAll, describe, expect, it } from 'vitest';
import { outboxWith } from '../src/benchmarks/outbox.js';
import { entrants } from '../src/benchmarks/outbox/entrants.js';
import { onGround } from '../src/benchmarks/outbox/ground.js';
import { TINY } from '../src/benchmarks/outbox/loads.js';

let database: TestDatabase;
let broker: TestBroker;
let env: Record<string, string>;

beforeAll(async () => {
  database = await testDatabase();
  broker = await testBroker();
  env = { DATABASE_URL: database.url, AMQP_URL: broker.url };
});

describe('bench outbox, in its smallest form', () => {
  let result: Result;

  beforeAll(async () => {
    const settings = { quick: true, env, versions: {}, progress: () => undefined };
    result = await runBenchmark(
      outboxWith(() => TINY),
      settings,
    );
  });

  // How fast we are with a thousand messages, on a machine that runs other tests meanwhile, says nothing.
  it('counts what is sent, and what becomes of it', () => {
    expect(result.figures).toMatchObject({
      enqueueExtraStatements: 1,
      orderViolations: 0,
      lost: 0,
      duplicates: 0,
    });
  });

  it('measures every other figure', () => {
    const counted = ['orderViolations', 'lost', 'duplicates'];
    const measured = Object.entries(result.figures).filter(([key]) => !counted.includes(key));
    expect(measured.filter(([, value]) => value === null || value <= 0)).toEqual([]);
  });

  it('brings every message of every subject to the queue', () => {
    const subjects = entrants.map(([, { subject }]) => subject);
    const drained = result.table.filter(({ subject }) => subjects.includes(String(subject)));
    expect(drained).toHaveLength(subjects.length);
    expect(drained.filter(({ lost, perSecond }) => lost !== 0 || !perSecond)).toEqual([]);
  });
});

describe('the ground', () => {
  it('is taken away with everything on it, also when the work fails', async () => {
    let schema = '';
    let queue = '';
    const work = onGround(env, async (ground) => {
      const place = await ground.place('raw');
      ({ schema, queue } = place);
      await ground.child('raw', place);
      throw new Error('halfway');
    });
    await expect(work).rejects.toThrow('halfway');
    const { rows } = await database.pool.query('select to_regnamespace($1) as schema', [schema]);
    expect(rows).toEqual([{ schema: null }]);
    expect(await broker.queue(queue)).toBeUndefined();
  });
});
