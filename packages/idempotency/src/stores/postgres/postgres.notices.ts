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

  constructor(
    private readonly connect: PgListenerFactory,
    private readonly channel: string,
  ) {}

  /** Calls `heard` whenever the id is told, until the returned function is called. */
  async listen(id: string, heard: () => void): Promise<() => void> {
    this.#connection ??= this.open();
    await this.#connection;
    const listeners = this.#listeners.get(id) ?? new Set();
    this.#listeners.set(id, listeners.add(heard));
    return () => {
      listeners.delete(heard);
      if (listeners.size === 0) this.#listeners.delete(id);
    };
  }

  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await (await connection?.catch(() => undefined))?.end();
  }

  private async open(): Promise<PgListenerLike> {
    try {
      const client = await this.connect();
      // The next who waits opens another one; those who wait already look again by themselves.
      const gone = (): void => this.forget(client);
      client.on('error', gone);
      client.on('end', gone);
      client.on('notification', ({ payload = '' }) => {
        for (const heard of this.#listeners.get(payload) ?? []) heard();
      });
      await client.query(`listen "${this.channel}"`);
      this.#client = client;
      return client;
    } catch (error) {
      this.#connection = undefined;
      throw error;
    }
  }

  #client: PgListenerLike | undefined;

  private forget(client: PgListenerLike): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    this.#connection = undefined;
  }
}
