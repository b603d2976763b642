/** amqp-connection-manager's connection, which both client libraries stand on. */
export interface ManagedConnectionLike {
  isConnected(): boolean;
  /** Closes the connection that is open, and opens another. Throws after it was closed for good. */
  reconnect(): void;
  close(): Promise<void>;
}
