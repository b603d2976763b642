import { type RedisCluster, spawnChild, startRedisCluster, waitFor } from '@acme/internal-testing';
import { Cluster, Redis } from 'ioredis';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { isRunning, processesUnder } from './support/processes.js';

let cluster: RedisCluster;
let client: Cluster;
beforeAll(async () => {
  cluster = await startRedisCluster({ settings: { 'cluster-node-timeout': '1000' } });
  client = new Cluster([...cluster.urls]);
});

afterEach(() => cluster.untilWell());
afterAll(() => client.disconnect());

const keys = Array.from({ length: 30 }, (_, index) => `orders:${index}`);

test('each of three nodes has its own part of the keys, and refuses the others’', async () => {
  await Promise.all(keys.map((key) => client.set(key, key)));
  await expect(Promise.all(keys.map((key) => client.get(key)))).resolves.toEqual(keys);

  const sizes = [];
  for (const { url } of cluster.nodes) {
    const node = new Redis(url);
    sizes.push(await node.dbsize());
    node.disconnect();
  }
  expect(sizes.reduce((sum, size) => sum + size)).toBe(keys.length);
  expect(Math.min(...sizes)).toBeGreaterThan(0);

  const owner = await cluster.nodeOf('orders:1');
  const stranger = new Redis(cluster.nodes.find((node) => node !== owner)!.url);
  await expect(stranger.get('orders:1')).rejects.toThrow(`MOVED`);
  await expect(stranger.get('orders:1')).rejects.toThrow(`127.0.0.1:${owner.port}`);
  stranger.disconnect();
});

test('keys with the same part in braces belong to one node, a script over two others is refused', async () => {
  await client.mset('{order}:1', 'a', '{order}:2', 'b');
  await expect(client.mget('{order}:1', '{order}:2')).resolves.toEqual(['a', 'b']);
  await expect(client.eval('return 1', 2, 'orders:0', 'orders:1')).rejects.toThrow('same slot');
});

test('a killed node takes the cluster down until it is started again', async () => {
  const node = await cluster.nodeOf('orders:0');
  const [survivor] = cluster.nodes.filter((one) => one !== node);
  await node.kill('SIGKILL');
  expect(isRunning(node.pid)).toBe(false);
  const direct = new Redis(survivor!.url);
  await waitFor(async () => (await direct.cluster('INFO')).includes('cluster_state:fail'), {
    what: 'the others to notice',
    deadlineMs: 30_000,
  });
  direct.disconnect();

  await node.restart();
  await cluster.untilWell();
  await client.set('orders:0', 'again');
  await expect(client.get('orders:0')).resolves.toBe('again');
});

test('a frozen node does not hold up the keys of the others', async () => {
  const node = await cluster.nodeOf('orders:0');
  const other = await keyElsewhere('orders:0');
  await client.set(other, '1');
  await node.kill('SIGSTOP');
  await expect(client.get(other)).resolves.toBe('1');
  await node.kill('SIGCONT');
});

test('stop ends all nodes', async () => {
  const second = await startRedisCluster();
  const pids = second.nodes.map(({ pid }) => pid);
  expect(pids.every(isRunning)).toBe(true);
  await second.stop();
  expect(pids.some(isRunning)).toBe(false);
});

test('neither its nodes nor a PgBouncer outlive a run that is killed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cluster-'));
  chmodSync(folder, 0o1777);
  const child = spawnChild(new URL('./children/cluster.mjs', import.meta.url), {
    env: { TMPDIR: folder },
  });
  await child.receive(undefined, { deadlineMs: 60_000 });
  expect(processesUnder(folder).length).toBeGreaterThanOrEqual(4);

  await child.kill('SIGKILL');
  await waitFor(() => processesUnder(folder).length === 0, { what: 'the end of the servers' });
  await waitFor(() => readdirSync(folder).length === 0, { what: 'the removal of the files' });
  rmSync(folder, { recursive: true });
});

async function keyElsewhere(key: string): Promise<string> {
  const node = await cluster.nodeOf(key);
  for (const one of keys) if ((await cluster.nodeOf(one)) !== node) return one;
  throw new Error(`All keys belong to the node of ${key}.`);
}
