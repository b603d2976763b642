/** The part of a connected `pg` `Client` that is used. */
export interface PgListenerLike {
  query(text: string): Promise<unknown>;
  on(event: 'notification', listener: (message: { payload?: string | undefined }) => void): unknown;
  on(event: 'error' | 'end', listener: (error?: Error) => void): unknown;
  end(): Promise<void>;
}

/** Opens a connection of its own, not from a pool and not through PgBouncer in transaction mode. */
export type PgListenerFactory = () => Promise<PgListenerLike>;
