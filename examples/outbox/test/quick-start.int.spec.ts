import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  closeFixtures,
  freePort,
  runInstalledTool,
  spawnChild,
  testBroker,
  testDatabase,
} from '@acme/internal-testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { arrivals, payloadOf } from './support/shop.js';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

let project = '';
afterAll(async () => {
  await closeFixtures();
  await rm(project, { recursive: true, force: true });
});

/** A project as `nest new` makes one, CommonJS that `tsc` compiles, with the files of the guide as they stand there. */
beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'quick-start-'));
  await cp(here('../src/quick-start'), join(project, 'src'), { recursive: true });
  await symlink(here('../node_modules'), join(project, 'node_modules'));
  await writeFile(join(project, 'package.json'), '{}');
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2023',
    rootDir: 'src',
    outDir: 'dist',
    types: ['node'],
    skipLibCheck: true,
    strictNullChecks: true,
    isolatedModules: true,
    emitDecoratorMetadata: true,
    experimentalDecorators: true,
  };
  await writeFile(
    join(project, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, include: ['src'] }),
  );
  await runInstalledTool(['typescript', 'tsc'], ['-p', 'tsconfig.json'], { folder: project });
});

it('an order that is posted is written, and announced to the queue that was declared', async () => {
  const [broker, database, port] = await Promise.all([testBroker(), testDatabase(), freePort()]);
  const queue = broker.name('orders');
  const env = {
    DATABASE_URL: database.url,
    AMQP_URL: broker.url,
    EVENTS_EXCHANGE: broker.name('shop'),
    EVENTS_QUEUE: queue,
    PORT: String(port),
  };
  await database.pool.query('create table orders (id text primary key)');
  const topology = spawnChild(join(project, 'dist/topology.js'), { env });
  expect(await topology.exited, topology.lines.join('\n')).toEqual({ code: 0, signal: null });
  const service = spawnChild(join(project, 'dist/main.js'), { env });
  await service.waitForLine('Nest application successfully started', { deadlineMs: 30_000 });

  const post = async (id: string) =>
    (await fetch(`http://localhost:${port}/orders/${id}`, { method: 'POST' })).status;
  await expect.poll(() => post('order-1')).toBe(201);
  expect(await post('order-1')).toBe(500);
  const [placed, ...others] = await arrivals(broker, queue, 1);
  expect(placed && payloadOf(placed)).toEqual({ orderId: 'order-1' });
  expect(placed?.properties.type).toBe('order.placed.v1');
  expect(others).toEqual([]);
  await service.kill('SIGTERM');
  expect(service.lines.join('\n')).not.toMatch(/unhandled|timed out/i);
});
