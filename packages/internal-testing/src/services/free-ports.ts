import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { TestingError } from '../testing.errors.js';

const LOWEST = 10_000;
const ATTEMPTS = 200;

/**
 * Ports on 127.0.0.1 that nobody listens on right now; all are held until all are known, so they differ.
 *
 * Not port 0, which gives one out of the range for outgoing connections: while the server is down for a restart, any
 * connection may be given its port, even the very one that tries to reach it (TCP lets a socket connect to itself).
 */
export async function freePorts(count: number): Promise<number[]> {
  const held: Server[] = [];
  try {
    while (held.length < count) held.push(await holdAny());
    return held.map((server) => (server.address() as { port: number }).port);
  } finally {
    await Promise.all(held.map((server) => new Promise((done) => server.close(done))));
  }
}

/** One port on 127.0.0.1 that nobody listens on right now. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port as number;
}

async function holdAny(): Promise<Server> {
  const end = startOfOutgoingPorts();
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const server = await hold(randomInt(LOWEST, end));
    if (server) return server;
  }
  throw new TestingError(
    'NO_FREE_PORT',
    `None of ${ATTEMPTS} ports of 127.0.0.1 between ${LOWEST} and ${end} is free. End what listens there.`,
  );
}

function hold(port: number): Promise<Server | undefined> {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', () => done(undefined));
    server.listen(port, '127.0.0.1', () => done(server));
  });
}

function startOfOutgoingPorts(): number {
  try {
    const [start] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/);
    return Math.max(Number(start), LOWEST + 1_000);
  } catch {
    // The default of Linux, where there is no /proc.
    return 32_768;
  }
}
