import { freePort } from '@acme/internal-testing';
import { freePorts } from '@acme/internal-testing/services';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';

test('the ports differ, can be listened on, and are never given to outgoing connections', async () => {
  const ports = await freePorts(50);
  expect(new Set(ports).size).toBe(50);
  const [low] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/);
  expect(Math.max(...ports)).toBeLessThan(Number(low));

  const server = createServer().listen(await freePort(), '127.0.0.1');
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
});
