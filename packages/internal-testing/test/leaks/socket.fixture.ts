import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { expect, test } from 'vitest';

test('leaves a socket', async () => {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.unref();
  server.on('connection', (socket) => socket.unref());
  const { port } = server.address() as { port: number };
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  expect(socket.readyState).toBe('open');
});
