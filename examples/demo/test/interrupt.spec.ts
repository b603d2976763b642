import pg from 'pg';
import { expect, it } from 'vitest';
import { until } from '../src/until.js';
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

/** Schemas that a demo made, in a PostgreSQL that outlives it. */
async function schemas(): Promise<unknown[]> {
  const connectionString = process.env['DATABASE_URL'];
  if (!connectionString) return [];
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    const { rows } = await client.query(
      `select nspname from pg_namespace where nspname like 'shop\\_demo\\_%'`,
    );
    return rows;
  } finally {
    await client.end();
  }
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
  const demo = await openShop();
  process.kill(demo.pid, 'SIGKILL');
  await until(() => !demo.processes.some(isAlive), { what: 'all processes to end', ...patience });
  expect(demo.processes.filter(isAlive)).toEqual([]);
});
