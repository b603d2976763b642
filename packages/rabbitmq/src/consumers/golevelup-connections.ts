import { virtualHostOfUrls } from '../core/virtual-host.js';
import type { Client, Consumers } from './consumers.js';
import type { ConsumingChannelLike } from './consuming-channel-like.js';
import type { Drain } from './drain.js';
import { reconnect, type ManagedConnectionLike } from './managed-connection-like.js';

/** golevelup's `AmqpConnection`, as far as its consumers are concerned. */
export interface GolevelupConsumingConnectionLike {
  readonly managedChannels: Readonly<
    Record<string, { addSetup(setup: (channel: ConsumingChannelLike) => Promise<void>): unknown }>
  >;
  readonly managedConnection: ManagedConnectionLike;
  readonly configuration?:
    | {
        readonly name?: string | undefined;
        readonly uri?: unknown;
        readonly connectionManagerOptions?: { readonly findServers?: unknown } | undefined;
        readonly prefetchCount?: number | undefined;
        readonly channels?:
          Readonly<Record<string, { readonly prefetchCount?: number | undefined }>> | undefined;
        readonly handlers?: Readonly<Record<string, unknown>> | undefined;
        readonly defaultHandler?: string | undefined;
        readonly defaultSubscribeErrorBehavior?: unknown;
      }
    | undefined;
  close(): Promise<void>;
}

/** What golevelup sets where nobody says anything. */
const PREFETCH = 10;

/** How much golevelup has the broker hand over at once, to each consumer on that channel. */
export const golevelupPrefetch = (
  { channels, prefetchCount }: NonNullable<GolevelupConsumingConnectionLike['configuration']> = {},
  channel?: string,
): number =>
  (channel === undefined ? undefined : channels?.[channel]?.prefetchCount) ??
  prefetchCount ??
  PREFETCH;

/** That it consumes from; undefined where its options do not say. */
export const virtualHostOfGolevelup = ({
  configuration: { uri, connectionManagerOptions } = {},
}: Pick<GolevelupConsumingConnectionLike, 'configuration'>): string | undefined =>
  connectionManagerOptions?.findServers ? undefined : virtualHostOfUrls(uri);

export function isGolevelupConsumingConnection(
  value: unknown,
): value is GolevelupConsumingConnectionLike {
  if (typeof value !== 'object' || value === null) return false;
  const { managedChannels, managedConnection, close } =
    value as Partial<GolevelupConsumingConnectionLike>;
  return (
    typeof managedChannels === 'object' &&
    typeof managedConnection === 'object' &&
    typeof close === 'function'
  );
}

/**
 * From now on this connection's consumers are known, and it drains before it closes. Called before golevelup starts its consumers,
 * since what is set up on a channel first is set up first again, whenever the connection was lost.
 */
export async function adoptGolevelupConnection(
  connection: GolevelupConsumingConnectionLike,
  { consumers, drain }: { readonly consumers: Consumers; readonly drain: Drain },
): Promise<void> {
  const { managedConnection } = connection;
  const client: Client = {
    name: 'golevelup',
    source: connection,
    virtualHost: virtualHostOfGolevelup(connection),
    isConnected: () => managedConnection.isConnected(),
    connection: () => managedConnection.connection,
    reconnect: () => reconnect(managedConnection),
  };
  for (const [name, managed] of Object.entries(connection.managedChannels)) {
    // Said to the channel already.
    const prefetch = golevelupPrefetch(connection.configuration, name);
    await managed.addSetup(async (channel) => consumers.tap(channel, client, prefetch));
  }
  const close = connection.close.bind(connection);
  connection.close = async () => {
    const isDone = await drain.run(client);
    // golevelup waits for its handlers, however long they take: also where their connection has gone, and for what waits for its turn.
    const isEmpty = isDone && consumers.unsettled(client).length === 0;
    const closed = isEmpty && (await drain.inTime(close().then(() => true)));
    if (!closed) await managedConnection.close();
  };
}
