import { within } from '@acme/nest-message-context/kit';
import type { PgListenerFactory, PgListenerLike } from './pg-listener-like.js';

const OPEN_MS = 10_000;
const GOODBYE_MS = 500;

/** What a connection that listens has to tell. */
export interface ListeningEvents {
  heard(payload: string): void;
  lost(): void;
}

/** One connection that listens, from its opening to its end. */
export class ListeningConnection {
  /** Why it is of no use any more. */
  error: Error | undefined;
  /** Whether something has arrived that was told by another connection. */
  isProven = false;

  private constructor(
    private readonly client: PgListenerLike,
    events: ListeningEvents,
  ) {
    const lost = (error = new Error('the server has closed it')): void => {
      this.error ??= error;
      events.lost();
    };
    client.on('error', lost);
    client.on('end', () => lost());
    client.on('notification', ({ payload = '' }) => events.heard(payload));
  }

  /** Rejects when the server cannot be reached or does not answer; nothing is left open then. */
  static async open(
    connect: PgListenerFactory,
    channel: string,
    events: ListeningEvents,
  ): Promise<ListeningConnection> {
    let isLate = false;
    let opened: ListeningConnection | undefined;
    const opening = (async () => {
      const connection = new ListeningConnection(await connect(), events);
      if (isLate) return connection.end();
      opened = connection;
      await connection.client.query(`listen "${channel.replaceAll('"', '""')}"`);
    })();
    try {
      await within(OPEN_MS, opening, () => new Error(`no answer within ${OPEN_MS} ms`));
    } catch (error) {
      isLate = true;
      void opened?.end();
      throw error;
    }
    return opened as unknown as ListeningConnection;
  }

  /** Closes it, also where the server does not answer any more. */
  async end(): Promise<void> {
    // With a statement under way `pg` closes the socket at once, rather than waiting for the goodbye of a server that is gone.
    const asked = this.client.query('unlisten *');
    await within(GOODBYE_MS, asked, () => new Error()).catch(() => {});
    await this.client.end().catch(() => {});
  }
}
