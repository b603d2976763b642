import { within } from '@acme/nest-message-context/kit';

interface Closable {
  close(): PromiseLike<unknown>;
  readonly connection?: unknown;
  /** Others use the connection as well: only what was opened here is closed. */
  readonly isBorrowed?: boolean;
}

interface Severable {
  readonly stream?: { destroy?(error: Error): void };
}

/**
 * Closes a connection, and cuts it when the peer has answered, or has not in time. A broker that blocks reads no further, also
 * not that this side has ended: it would leave the socket half open, and with it the process alive, until its alarm is over.
 * Never rejects. `amqplib` does not document its stream; where it is not as expected, nothing is cut.
 */
export async function closeAndSever(ms: number, connection: Closable): Promise<void> {
  // A turn later: a client that is about to say that it has ended would wait for the answer to one more goodbye.
  const closing = Promise.resolve().then(() => connection.close());
  const unanswered = (): Error => new Error('The peer did not answer.');
  await within(ms, closing, unanswered).catch(() => {});
  if (connection.isBorrowed) return;
  // By an error, which ends the client's heartbeats where it was not asked to close.
  (connection.connection as Severable | undefined)?.stream?.destroy?.(unanswered());
}
