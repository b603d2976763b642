import { virtualHostOfUrls } from '../core/virtual-host.js';
import type { Client, Consumers } from './consumers.js';
import type { ConsumingChannelLike } from './consuming-channel-like.js';
import type { Drain } from './drain.js';
import { reconnect, type ManagedConnectionLike } from './managed-connection-like.js';

/** What a server says of one queue. */
export interface ConsumedByServer {
  readonly queue: string;
  readonly prefetch: number;
  /** As it declares it; undefined where somebody else does. */
  readonly queueType?: string | undefined;
}

/** Nest's RabbitMQ server and what extends it. */
export interface NestRmqServerLike {
  readonly transportId?: unknown;
  readonly queue?: string | undefined;
  readonly noAck?: boolean | undefined;
  readonly options?:
    | {
        readonly urls?: unknown;
        readonly socketOptions?: { readonly findServers?: unknown } | undefined;
        readonly prefetchCount?: number | undefined;
        readonly isGlobalPrefetchCount?: boolean | undefined;
        readonly noAssert?: boolean | undefined;
      }
    | undefined;
  readonly queueOptions?:
    | {
        readonly durable?: boolean | undefined;
        readonly exclusive?: boolean | undefined;
        readonly noAssert?: boolean | undefined;
        readonly arguments?: unknown;
      }
    | undefined;
  /** Of a server with several queues. */
  readonly consumedQueues?: readonly ConsumedByServer[];
  setupChannel(channel: ConsumingChannelLike, callback: () => void): unknown;
  close(): unknown;
  /** Throws while there is no connection yet. */
  unwrap(): ManagedConnectionLike;
}

export function isNestRmqServer(server: unknown): server is NestRmqServerLike {
  const { setupChannel, close } = server as Partial<NestRmqServerLike>;
  return typeof setupChannel === 'function' && typeof close === 'function';
}

/** Nest's, where nobody says any. */
const LOCAL = 'amqp://localhost';

/** That it consumes from; undefined where its options do not say. */
export const virtualHostOfNest = ({
  options,
}: Pick<NestRmqServerLike, 'options'>): string | undefined =>
  !options || options.socketOptions?.findServers
    ? undefined
    : virtualHostOfUrls(options.urls ?? LOCAL);

const ADOPTED = Symbol.for('@acme/nest-rabbitmq:adopted');

/** Whether a module of the application sees to it. */
export const isAdopted = (server: object): boolean => ADOPTED in server;

/** From now on this server's consumers are known, and it drains before it closes. Only this one object is touched. */
export function adoptNestServer(
  server: NestRmqServerLike,
  { consumers, drain }: { readonly consumers: Consumers; readonly drain: Drain },
): void {
  Object.defineProperty(server, ADOPTED, { value: true });
  const client: Client = {
    name: 'Nest',
    source: server,
    virtualHost: virtualHostOfNest(server),
    isConnected: () => server.unwrap().isConnected(),
    connection: () => server.unwrap().connection,
    reconnect: () => reconnect(server.unwrap()),
  };
  const setupChannel = server.setupChannel.bind(server);
  const close = server.close.bind(server);
  server.setupChannel = (channel, callback) => {
    consumers.tap(channel, client);
    return setupChannel(channel, callback);
  };
  // A microservice closes its server before any hook is called.
  server.close = async () => {
    await drain.run(client);
    await close();
  };
}
