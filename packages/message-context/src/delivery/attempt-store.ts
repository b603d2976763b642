/** Which message is meant: the same id in another queue is another one. */
export interface AttemptKey {
  readonly queue: string;
  readonly messageId: string;
}

/**
 * Knows, beyond the death of a process, which messages it was handling: what a classic queue does not count, and a quorum queue
 * counts together with much that is no crash. Provide one under this token, exported by a global module.
 *
 * Called by whoever guards a consumer, for what the broker delivers again, and before anything of the message runs: a first delivery
 * has no past. Any number of processes may call at once, for the same message as well where it has copies: they share their count.
 * Each call is one atomic step that is kept by itself, never in a transaction of the caller's: the crash would roll it back.
 *
 * An error means that nothing is known. The message is then handled all the same, so a call that hangs is worth less than one that
 * fails: nobody waits for it longer than a few seconds.
 */
export abstract class AttemptStore {
  /** Where it is kept, for logs. */
  abstract readonly label: string;
  /** It forgets everything with its process: as good as none. */
  abstract readonly volatile: boolean;

  /** How many handlings of it have begun and not ended: so often a process has died with it. Changes nothing. */
  abstract crashes(key: AttemptKey): Promise<number>;

  /** One begins. Resolves once that is kept. */
  abstract begin(key: AttemptKey): Promise<void>;

  /** One has ended, well or not: all that was counted of this message is forgotten. Does nothing where there is nothing. */
  abstract end(key: AttemptKey): Promise<void>;
}
