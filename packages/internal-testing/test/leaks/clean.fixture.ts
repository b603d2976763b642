import { closeFixtures, spawnChild, tcpProxy } from '../../dist/index.js';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test, vi } from 'vitest';

const server = createServer((_request, response) => response.end('hello'));

afterAll(async () => {
  server.close();
  await once(server, 'close');
});

test('connections that a client keeps alive, unreferenced timers and ended processes are no leaks', async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const answer = await fetch(`http://127.0.0.1:${port}`);
  await expect(answer.text()).resolves.toBe('hello');
  const [response] = await once(get(`http://127.0.0.1:${port}`), 'response');
  response.resume();
  await once(response, 'end');
  setInterval(() => {}, 60_000).unref();
  AbortSignal.timeout(60_000);
  await sleep(5);
  await once(spawn('true'), 'close');
});

test('fake timers are no leak', () => {
  vi.useFakeTimers();
  setTimeout(() => {}, 60_000);
  expect(vi.getTimerCount()).toBe(1);
  vi.useRealTimers();
});

test('fixtures that are still open are closed, also twice', async () => {
  await tcpProxy(1);
  await closeFixtures();
  await tcpProxy(1);
  const child = spawnChild(new URL('../children/talker.mjs', import.meta.url));
  await expect(child.waitForLine('started')).resolves.toContain('started');
});
