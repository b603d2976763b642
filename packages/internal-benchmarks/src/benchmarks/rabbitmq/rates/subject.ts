/** Where a subject works. */
export interface Place {
  readonly amqpUrl: string;
  /** A quorum queue: it is consumed, or published to through the default exchange. */
  readonly queue: string;
  /** A quorum queue that messages stay in. */
  readonly waitQueue: string;
  /** Deliveries in work at once. */
  readonly prefetch: number;
  /** Messages on their way at once. */
  readonly window: number;
}

/** Something that is measured, in a process of its own. */
interface Subject {
  /** Handles or publishes so many messages, and gives how many per second. */
  run(count: number): Promise<number>;
  /** Messages that were begun before one of their key that comes earlier was done. */
  violations?(): number;
  close(): Promise<unknown>;
}

/** `cpu`: the µs that its process has used so far. */
export type Command = 'run' | 'cpu' | 'violations';

export type OpenSubject = (place: Place) => Promise<Subject>;
