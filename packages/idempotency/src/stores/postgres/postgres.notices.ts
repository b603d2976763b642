import { AsyncResource } from 'node:async_hooks';

/** The part of a connected `pg` `Client` that is used. */
export interface PgListenerLike {
  query(text: string): Promise<unknown>;
  on(event: 'notification', listener: (message: { payload?: string | undefined }) => void): unknown;
  on(event: 'error' | 'end', listener: () => void): unknown;
  end(): Promise<void>;
}

/** Opens a connection of its own, not from a pool and not through PgBouncer. */
export type PgListenerFactory = () => Promise<PgListenerLike>;

/** Hears on one channel of PostgreSQL which keys have ended, on a connection that is opened with the first who waits. */
export class PostgresNotices {
  readonly #listeners = new Map<string, Set<() => void>>();
  #connection: Promise<PgListenerLike> | undefined;
  #client: PgListenerLike | undefined;
  #isClosed = false;

  readonly #connect: PgListenerFactory;

  constructor(
    connect: PgListenerFactory,
    private readonly channel: string,
  ) {
    // It outlives the first who waits, and must not keep the message that one handles.
    this.#connect = AsyncResource.bind(connect);
  }

  /** Calls `heard` whenever the id is told, until the returned function is called. */
  async listen(id: string, heard: () => void): Promise<() => void> {
    // A connection that is opened now would stay open for ever.
    if (this.#isClosed) throw new Error('the store was closed');
    await (this.#connection ?? this.open());
    const listeners = this.#listeners.get(id) ?? new Set();
    this.#listeners.set(id, listeners.add(heard));
    return () => {
      listeners.delete(heard);
      if (listeners.size === 0) this.#listeners.delete(id);
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    // One that is still to come is ended when it has come: whoever closes must not wait for a connection that hangs.
    const client = this.#client;
    this.#connection = this.#client = undefined;
    await client?.end();
  }

  private open(): Promise<PgListenerLike> {
    // The next who waits opens another one; those who wait already look again by themselves.
    const gone = (): void => {
      if (this.#connection === connection) this.#connection = this.#client = undefined;
    };
    const connection = this.connected(gone);
    this.#connection = connection;
    connection.catch(gone);
    return connection;
  }

  private async connected(gone: () => void): Promise<PgListenerLike> {
    const client = await this.#connect();
    client.on('error', gone);
    client.on('end', gone);
    client.on('notification', ({ payload = '' }) => {
      for (const heard of this.#listeners.get(payload) ?? []) heard();
    });
    try {
      await client.query(`listen "${this.channel}"`);
    } catch (error) {
      // Where it cannot listen (PgBouncer), every one who waits would leave a connection behind.
      await client.end().catch(() => {});
      throw error;
    }
    if (this.#isClosed) await client.end().catch(() => {});
    else this.#client = client;
    return client;
  }
}
