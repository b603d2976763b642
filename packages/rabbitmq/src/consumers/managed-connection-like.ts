import type { AmqpConnectionLike } from '../publisher/amqp-like.js';

/** amqplib's connection, of a client library. */
export interface OpenConnectionLike extends Pick<
  AmqpConnectionLike,
  'createChannel' | 'connection'
> {
  on(event: 'error', listener: () => void): unknown;
}

/** amqp-connection-manager's connection, which both client libraries stand on. */
export interface ManagedConnectionLike {
  /** The one that is open, if any. */
  readonly connection?: OpenConnectionLike | undefined;
  isConnected(): boolean;
  /** Closes the connection that is open, and opens another. Throws after it was closed for good. */
  reconnect(): void;
  close(): Promise<void>;
}

/** What it is closed for may break it first, and the manager has taken away whoever would have heard of that. */
export function reconnect(manager: ManagedConnectionLike): void {
  const { connection } = manager;
  manager.reconnect();
  connection?.on('error', () => {});
}
