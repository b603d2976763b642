import { within } from '../../core/within.js';

interface Closable {
  close(): PromiseLike<unknown>;
  readonly connection?: unknown;
}

interface Severable {
  readonly stream?: { destroy?(error: Error): void };
}

/**
 * Closes a connection, and cuts it when its peer does not answer in time: it would keep its socket, and with it the process,
 * until its heartbeats are missed, and a broker that only blocks does not miss them. `amqplib` does not document its stream;
 * where it is not as expected, nothing is cut.
 */
export async function closeOrSever(ms: number, connection: Closable): Promise<void> {
  const unanswered = (): Error => new Error('The peer did not answer.');
  await within(ms, connection.close(), unanswered).catch(() => {
    // By an error, which ends the client's heartbeats where it was not asked to close.
    (connection.connection as Severable | undefined)?.stream?.destroy?.(unanswered());
  });
}
