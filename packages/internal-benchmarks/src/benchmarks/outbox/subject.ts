/** Where a subject works. */
export interface Place {
  readonly databaseUrl: string;
  /** First in the search path of `databaseUrl`; one of the subject's own may be named after it, with `_` and more behind. */
  readonly schema: string;
  readonly amqpUrl: string;
  /** A quorum queue that it publishes to, through the default exchange. */
  readonly queue: string;
  /** Messages on their way to the broker at once, for those who can choose. */
  readonly window: number;
  /** Ours only: milliseconds; the default when left out. */
  readonly pollInterval?: number;
}

/** Somebody who brings a backlog from the database to the broker, in a process of its own. */
interface Subject {
  /** Stores this many messages, `bodyOf(0)` and so on, in this order, for the subject to find. */
  fill(count: number): Promise<void>;
  /** Publishes so many: resolves when all are confirmed and the database knows it. */
  drain(count: number): Promise<void>;
  /** Publishes from now on whatever comes. */
  start?(): Promise<void>;
  stop?(): Promise<void>;
  close(): Promise<void>;
}

export type OpenSubject = (place: Place) => Promise<Subject>;
