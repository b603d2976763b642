import { type TcpProxy, tcpProxy, waitFor } from '@acme/internal-testing';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

/** Sends back what it gets, and keeps what it got. */
let server: Server;
let port: number;
let received: Buffer[] = [];
const sockets = new Set<Socket>();
let proxy: TcpProxy;

beforeAll(async () => {
  server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      received.push(chunk);
      socket.write(chunk);
    });
    socket.on('end', () => socket.end('bye'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as { port: number }).port;
});

afterAll(async () => {
  await proxy.close();
  server.close();
  await once(server, 'close');
});

beforeEach(async () => {
  await proxy?.close();
  await waitFor(() => sockets.size === 0, {
    what: 'the end of the connections of the test before',
  });
  received = [];
  proxy = await tcpProxy(`127.0.0.1:${port}`);
});

interface Client {
  readonly socket: Socket;
  readonly got: () => string;
  readonly errors: string[];
}

async function client(): Promise<Client> {
  const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
  const chunks: Buffer[] = [];
  const errors: string[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', (error: NodeJS.ErrnoException) => errors.push(String(error.code)));
  await once(socket, 'connect');
  return { socket, got: () => Buffer.concat(chunks).toString(), errors };
}

const receivedText = () => Buffer.concat(received).toString();

test('bytes go through both ways, and so does the end of one direction', async () => {
  const { socket, got } = await client();
  socket.end('hello');
  await once(socket, 'close');
  expect(got()).toBe('hellobye');
  await waitFor(() => proxy.connections === 0);
  expect(proxy.accepted).toBe(1);
});

test('megabytes arrive whole', async () => {
  const { socket } = await client();
  const sent = Buffer.alloc(8 * 1024 * 1024, 'abcdefg');
  let length = 0;
  socket.on('data', (chunk) => (length += chunk.length));
  socket.end(sent);
  await once(socket, 'close');
  expect(length).toBe(sent.length + 'bye'.length);
  expect(Buffer.concat(received).equals(sent)).toBe(true);
});

test('cut resets both sides, and a new connection works', async () => {
  const before = await client();
  before.socket.write('hello');
  await waitFor(() => before.got() === 'hello');

  proxy.cut();

  await waitFor(() => before.errors.includes('ECONNRESET'));
  await waitFor(() => sockets.size === 0, { what: 'the server to see the reset' });
  const after = await client();
  after.socket.write('again');
  await waitFor(() => after.got().length > 0);
  expect(after.got()).toBe('again');
  after.socket.destroy();
});

test('down resets new connections as well, until restore', async () => {
  proxy.down();
  const refused = connect(proxy.port, '127.0.0.1');
  await expect(once(refused, 'end')).rejects.toMatchObject({ code: 'ECONNRESET' });
  expect(sockets.size).toBe(0);

  proxy.restore();
  const { socket, got, errors } = await client();
  socket.write('hello');
  await waitFor(() => got() === 'hello');
  expect(errors).toEqual([]);
  socket.destroy();
});

test('delay holds every byte back in each direction and keeps the order', async () => {
  const { socket, got } = await client();
  proxy.delay(60);
  const started = performance.now();
  socket.write('one ');
  await waitFor(() => receivedText() === 'one ');
  socket.write('two');
  await waitFor(() => got() === 'one two', { intervalMs: 1 });

  expect(performance.now() - started).toBeGreaterThanOrEqual(115);
  socket.destroy();
});

test('what was sent under a delay is not overtaken by what follows without', async () => {
  const { socket, got } = await client();
  proxy.delay(60);
  socket.write('first ');
  await waitFor(() => socket.bytesWritten === 6);
  proxy.delay(0);
  socket.write('second');
  await waitFor(() => got().length === 'first second'.length);
  expect(got()).toBe('first second');
  socket.destroy();
});

test('half-open connections are accepted, stay open and say nothing, until restore', async () => {
  proxy.halfOpen();
  const { socket, got, errors } = await client();
  socket.write('hello');
  await waitFor(() => sockets.size === 1, { what: 'the connection to the server' });
  await expect(waitFor(() => received.length > 0, { deadlineMs: 100 })).rejects.toThrow(
    'Waited 100 ms',
  );

  proxy.restore();
  await waitFor(() => got() === 'hello');
  expect(errors).toEqual([]);
  socket.destroy();
});

test('a client that goes away while half-open is still there for the server', async () => {
  const { socket, got } = await client();
  socket.write('hello');
  await waitFor(() => got() === 'hello');
  proxy.halfOpen();
  socket.resetAndDestroy();
  await expect(waitFor(() => sockets.size === 0, { deadlineMs: 100 })).rejects.toThrow(
    'Waited 100 ms',
  );

  proxy.restore();
  await waitFor(() => sockets.size === 0, { what: 'the server to learn of it' });
});

test('half-open for replies: the request is carried out and the answer is missing', async () => {
  const { socket, got } = await client();
  proxy.halfOpen('replies');
  socket.write('hello');
  await waitFor(() => receivedText() === 'hello');
  await expect(waitFor(() => got().length > 0, { deadlineMs: 100 })).rejects.toThrow(
    'Waited 100 ms',
  );
  socket.destroy();
});

test('half-open for requests: what the server says still arrives', async () => {
  const { socket, got } = await client();
  await waitFor(() => sockets.size === 1, { what: 'one connection' });
  proxy.halfOpen('requests');
  socket.write('hello');
  for (const one of sockets) one.write('heartbeat');
  await waitFor(() => got() === 'heartbeat');
  expect(received).toEqual([]);
  socket.destroy();
});

test('the address for the client is the target with another port', async () => {
  const amqp = await tcpProxy('amqp://guest:guest@localhost/my-vhost?heartbeat=5');
  expect(amqp.url).toBe(`amqp://guest:guest@127.0.0.1:${amqp.port}/my-vhost?heartbeat=5`);
  const plain = await tcpProxy(port);
  expect(plain.url).toBe(`127.0.0.1:${plain.port}`);
  await expect(tcpProxy('gopher://localhost')).rejects.toMatchObject({
    code: 'PROXY_TARGET_WITHOUT_PORT',
  });
});

test('a target that is not there resets the client', async () => {
  const nobody = await tcpProxy('127.0.0.1:1');
  const socket = connect(nobody.port, '127.0.0.1');
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNRESET');
});
