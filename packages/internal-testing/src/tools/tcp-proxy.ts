import { resetSocket } from '../services/reset-socket.js';
import { createServer, connect, type Server, type Socket } from 'node:net';
import { closedAtEndOfFile } from '../fixtures/cleanup.js';
import { TestingError } from '../testing.errors.js';
import { TcpLane } from './tcp-lane.js';

/** What a half-open connection does not let through. */
export type Silence = 'both' | 'requests' | 'replies';

const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  'amqp:': 5672,
  'http:': 80,
  'mysql:': 3306,
  'postgres:': 5432,
  'postgresql:': 5432,
  'redis:': 6379,
};

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  readonly requests: TcpLane;
  readonly replies: TcpLane;
}

/** A TCP proxy on 127.0.0.1 that misbehaves on request. */
export class TcpProxy {
  private readonly pairs = new Set<Pair>();
  private latencyMs = 0;
  private silence: Silence | undefined;
  private refusing = false;
  private acceptedCount = 0;

  private constructor(
    private readonly listener: Server,
    private readonly target: { host: string; port: number },
    /** Where the proxy listens. */
    readonly port: number,
    /** The target's address with the proxy's host and port: give this one to the client. */
    readonly url: string,
  ) {}

  /** @internal */
  static async start(target: string | number): Promise<TcpProxy> {
    const address = parse(target);
    // Half-open sockets allowed: one side may end first and still be answered.
    const listener = createServer({ allowHalfOpen: true, noDelay: true });
    await new Promise<void>((done, fail) => {
      listener.once('error', fail);
      listener.listen(0, '127.0.0.1', done);
    });
    const { port } = listener.address() as { port: number };
    const proxy = new TcpProxy(listener, address, port, address.urlFor(port));
    listener.on('connection', (client) => proxy.accept(client));
    return proxy;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.pairs.size;
  }

  /** Connections accepted so far. */
  get accepted(): number {
    return this.acceptedCount;
  }

  /** Resets (RST) the connections that are open now; new ones work as before. */
  cut(): void {
    for (const { client, server } of this.pairs) {
      resetSocket(client);
      resetSocket(server);
    }
  }

  /** Resets the open connections and every new one, until `restore()`. */
  down(): void {
    this.refusing = true;
    this.cut();
  }

  /** From now on every byte arrives `ms` milliseconds later, in each direction; order and throughput stay. */
  delay(ms: number): void {
    this.latencyMs = ms;
  }

  /**
   * Keeps connections open, old and new, and lets nothing through: no byte, no end, no reset. What the peers send waits and
   * arrives after `restore()`. `'replies'` stops only what the server sends (the request is carried out and its answer is
   * missing), `'requests'` only what the client sends.
   */
  halfOpen(silence: Silence = 'both'): void {
    this.silence = silence;
    this.applySilence();
  }

  /** Ends `delay`, `halfOpen` and `down`. */
  restore(): void {
    this.latencyMs = 0;
    this.silence = undefined;
    this.refusing = false;
    this.applySilence();
  }

  /** Resets what is open and stops listening; done at the end of the spec file if not before. */
  readonly close = closedAtEndOfFile(async () => {
    const closed = new Promise<void>((done) => this.listener.close(() => done()));
    this.cut();
    await closed;
  });

  private accept(client: Socket): void {
    this.acceptedCount++;
    if (this.refusing) {
      client.on('error', () => {});
      resetSocket(client);
      return;
    }
    const server = connect({ ...this.target, allowHalfOpen: true, noDelay: true });
    const delayMs = () => this.latencyMs;
    const pair: Pair = {
      client,
      server,
      requests: new TcpLane(client, server, delayMs, this.isSilent('requests')),
      replies: new TcpLane(server, client, delayMs, this.isSilent('replies')),
    };
    this.pairs.add(pair);
    const forget = (): void => {
      if (client.destroyed && server.destroyed) this.pairs.delete(pair);
    };
    client.on('close', forget);
    server.on('close', forget);
  }

  private applySilence(): void {
    for (const { requests, replies } of this.pairs) {
      requests.silence(this.isSilent('requests'));
      replies.silence(this.isSilent('replies'));
    }
  }

  private isSilent(lane: 'requests' | 'replies'): boolean {
    return this.silence === 'both' || this.silence === lane;
  }
}

/**
 * Puts a proxy before `target`: a URL (`process.env.AMQP_URL`), `host:port`, or a port on 127.0.0.1.
 * Closed at the end of the spec file if not before.
 */
export function tcpProxy(target: string | number): Promise<TcpProxy> {
  return TcpProxy.start(target);
}

function parse(target: string | number) {
  if (typeof target === 'number') return plain('127.0.0.1', target);
  if (!target.includes('://')) {
    const [host, port] = target.split(':');
    return plain(host || '127.0.0.1', Number(port));
  }
  const url = new URL(target);
  const port = Number(url.port) || DEFAULT_PORTS[url.protocol];
  if (!port) {
    throw new TestingError(
      'PROXY_TARGET_WITHOUT_PORT',
      `Name the port of ${url.protocol}//${url.host}.`,
    );
  }
  return {
    host: url.hostname,
    port,
    urlFor: (proxied: number) => {
      const other = new URL(target);
      other.host = `127.0.0.1:${proxied}`;
      return other.href;
    },
  };
}

function plain(host: string, port: number) {
  return { host, port, urlFor: (proxied: number) => `127.0.0.1:${proxied}` };
}
