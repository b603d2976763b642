/** Which key is meant: the same key in another queue has another order. */
export interface OrderedKey {
  readonly queue: string;
  readonly key: string;
}

/**
 * Keeps, beyond the death of a process, what is known of the order of a key: a short text, whose meaning is that of whoever keeps order.
 * Provide one under this token, exported by a global module.
 *
 * Called for every message whose order is watched, before it is handled and after. Whoever calls handles one message of a key at a
 * time, so a step need not be compared with what was there: the last one that is written stands. Each call is one atomic step that is
 * kept by itself, never in a transaction of the caller's: a rollback would take along what is known of a message that has failed.
 *
 * An error means that nothing is known, or that nothing was kept. Whoever keeps order then waits, or goes on without it, and says so.
 */
export abstract class OrderStore {
  /** Where it is kept, for logs. */
  abstract readonly label: string;
  /** It forgets everything with its process: for tests and development. */
  abstract readonly volatile: boolean;

  /** Undefined where nothing is kept. */
  abstract read(key: OrderedKey): Promise<string | undefined>;

  /** Replaces what was kept, and keeps it for so many milliseconds from now. */
  abstract write(key: OrderedKey, state: string, keepMs: number): Promise<void>;

  /** Does nothing where nothing is kept. */
  abstract forget(key: OrderedKey): Promise<void>;
}
