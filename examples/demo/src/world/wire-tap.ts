import { resetSocket } from '@acme/internal-testing/services';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { AmqpFrameReader, type BasicMethod } from './amqp-frames.js';

/** What went over the wire between one service and the broker. */
export interface WireCounts {
  /** To the exchange. */
  publishes: number;
  /** To a wait queue, of what failed and is to be tried again. */
  retries: number;
  /** To a dead-letter queue. */
  parks: number;
  deliveries: number;
  /** Deliveries that the service acknowledged. */
  acks: number;
  /** Deliveries that it gave back or refused. */
  refusals: number;
}

interface Line {
  readonly client: Socket;
  readonly broker: Socket;
  /** Deliveries that are not settled yet, per channel. */
  readonly open: Map<number, Set<bigint>>;
}

/**
 * Stands between one service and the broker: counts what passes, so that nobody has to take the service's word for it, and
 * can cut the line.
 */
export class WireTap {
  readonly counts: WireCounts = {
    publishes: 0,
    retries: 0,
    parks: 0,
    deliveries: 0,
    acks: 0,
    refusals: 0,
  };
  private readonly lines = new Set<Line>();

  private constructor(
    private readonly server: Server,
    private readonly broker: URL,
  ) {}

  static async open(brokerUrl: string): Promise<WireTap> {
    const server = createServer({ noDelay: true });
    const tap = new WireTap(server, new URL(brokerUrl));
    server.on('connection', (client) => tap.accept(client));
    await new Promise<void>((done, fail) => {
      server.once('error', fail).listen(0, '127.0.0.1', done);
    });
    return tap;
  }

  /** The broker's address by way of this tap. */
  get url(): string {
    const url = new URL(this.broker);
    url.host = `127.0.0.1:${(this.server.address() as { port: number }).port}`;
    return url.href;
  }

  /** Deliveries that the service has and did not settle. */
  get inWork(): number {
    let sum = 0;
    for (const { open } of this.lines) for (const tags of open.values()) sum += tags.size;
    return sum;
  }

  /** Resets (RST) every open connection and says how many there were; new ones get through. */
  cut(): number {
    const count = this.lines.size;
    for (const line of [...this.lines]) this.drop(line);
    return count;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((done) => this.server.close(() => done()));
    this.cut();
    await closed;
  }

  private accept(client: Socket): void {
    const { hostname, port } = this.broker;
    const broker = connect({ host: hostname, port: Number(port) || 5672, noDelay: true });
    const line: Line = { client, broker, open: new Map() };
    this.lines.add(line);
    const requests = new AmqpFrameReader('client', (method) => this.count(line, method));
    const replies = new AmqpFrameReader('server', (method) => {
      // What the broker tells a publisher about its messages is named `ack` and `nack` as well.
      if (method.name === 'deliver') this.count(line, method);
    });
    client.on('data', (chunk: Buffer) => requests.read(chunk));
    broker.on('data', (chunk: Buffer) => replies.read(chunk));
    client.pipe(broker);
    broker.pipe(client);
    for (const socket of [client, broker]) {
      socket.on('error', () => this.drop(line)).on('close', () => this.drop(line));
    }
  }

  private drop(line: Line): void {
    if (!this.lines.delete(line)) return;
    resetSocket(line.client);
    resetSocket(line.broker);
  }

  private count(line: Line, method: BasicMethod): void {
    const open = line.open.get(method.channel) ?? new Set<bigint>();
    line.open.set(method.channel, open);
    if (method.name === 'publish') this.counts[kindOf(method.routingKey)] += 1;
    else if (method.name === 'deliver') {
      this.counts.deliveries += 1;
      open.add(method.deliveryTag);
    } else {
      const settled = method.multiple
        ? [...open].filter((tag) => tag <= method.deliveryTag)
        : [method.deliveryTag].filter((tag) => open.has(tag));
      settled.forEach((tag) => open.delete(tag));
      this.counts[method.name === 'ack' ? 'acks' : 'refusals'] += settled.length;
    }
  }
}

/** What goes to a queue goes under its name. */
function kindOf(routingKey: string): 'publishes' | 'retries' | 'parks' {
  if (/\.retry\.\d+$/.test(routingKey)) return 'retries';
  return routingKey.endsWith('.dlq') ? 'parks' : 'publishes';
}
