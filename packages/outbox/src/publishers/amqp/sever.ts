interface Severable {
  readonly connection?: { readonly stream?: { destroy?(error: Error): void } };
}

/**
 * Ends a connection whose peer does not answer `close()`: it would keep its socket, and with it the process, until its
 * heartbeats are missed, and a broker that only blocks does not miss them. `amqplib` does not document its stream; where it is
 * not as expected, nothing happens.
 */
export function sever(connection: object): void {
  (connection as Severable).connection?.stream?.destroy?.(new Error('The peer did not answer.'));
}
