import { rmSync } from 'node:fs';
import pg from 'pg';
import { expect, it } from 'vitest';
import { until } from '../src/until.js';
import { Broker } from '../src/world/broker.js';
import { Databases } from '../src/world/databases.js';
import { removeKeys } from '../src/world/world.js';
import { descendants, isAlive } from './support/processes.js';
import { demoFile, startDemo, type Running } from './support/run-demo.js';

const patience = { deadlineMs: 60_000, signal: new AbortController().signal };

/** The processes of a demo whose shop is open and selling. */
async function openShop(): Promise<Running & { readonly processes: number[] }> {
  const demo = startDemo(demoFile, ['--orders', '2000']);
  await until(() => demo.stderr().includes('The shop is open'), { what: 'the shop', ...patience });
  const processes = descendants(demo.pid);
  expect(processes.length).toBeGreaterThanOrEqual(4);
  return { ...demo, processes };
}

/** Schemas that demos made, in a PostgreSQL that outlives them. */
async function schemas(): Promise<string[]> {
  const connectionString = process.env['DATABASE_URL'];
  if (!connectionString) return [];
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    const { rows } = await client.query<{ nspname: string }>(
      `select nspname from pg_namespace where nspname like 'shop\\_demo\\_%' order by 1`,
    );
    return rows.map(({ nspname }) => nspname);
  } finally {
    await client.end();
  }
}

/** What a run that was killed could not take away itself, on servers that outlive it. */
async function cleanUpAfter(run: string): Promise<void> {
  const { DATABASE_URL, AMQP_URL, REDIS_URL } = process.env as Record<string, string>;
  await new Databases(DATABASE_URL!, run).drop();
  if (AMQP_URL) await (await Broker.connect(AMQP_URL, run)).clean();
  if (REDIS_URL) await removeKeys(REDIS_URL, run);
}

it('takes everything with it when it is interrupted, and leaves the servers clean', async () => {
  const before = await schemas();
  const demo = await openShop();
  process.kill(demo.pid, 'SIGINT');
  const { code, stdout } = await demo.ended;
  expect(code).toBe(130);
  expect(stdout).toBe('');
  expect(demo.processes.filter(isAlive)).toEqual([]);
  expect(await schemas()).toEqual(before);
});

it('takes everything with it when it is killed', async () => {
  const before = await schemas();
  const demo = await openShop();
  process.kill(demo.pid, 'SIGKILL');
  await until(() => !demo.processes.some(isAlive), { what: 'all processes to end', ...patience });
  expect(demo.processes.filter(isAlive)).toEqual([]);
  rmSync(/Its logs, [^:]+: (\S+)/.exec(demo.stderr())![1]!, { recursive: true });
  const left = (await schemas()).filter((name) => !before.includes(name));
  for (const run of new Set(left.map((name) => name.replace(/_[a-z]+$/, '')))) {
    await cleanUpAfter(run);
  }
});
