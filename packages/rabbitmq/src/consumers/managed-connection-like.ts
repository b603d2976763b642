/** amqp-connection-manager's connection, which both client libraries stand on. */
export interface ManagedConnectionLike {
  readonly connection?: { on(event: 'error', listener: () => void): unknown } | undefined;
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
