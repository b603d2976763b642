import type { Task } from './task.js';

/** Where a contestant works. */
export interface Place {
  readonly amqpUrl: string;
  /** Not the way that `amqpUrl` takes, which is cut now and then: for a connection of its own to publish retries. */
  readonly directUrl: string;
  readonly queue: string;
  /** As everybody declares it. */
  readonly queueOptions: {
    readonly durable: true;
    readonly arguments: Readonly<Record<string, unknown>>;
  };
  readonly prefetch: number;
  /** Whether requests are handled, which ask for a reply, instead of events. */
  readonly isRpc: boolean;
  /** Whether messages have keys whose order matters: whoever can keep that does. */
  readonly isOrdered: boolean;
}

/** What every handler does. `ack` acks this message by hand; who cannot do that leaves it out. */
export type Work = (task: Task, ack?: () => void) => Promise<unknown>;

/** A consumer, set up as its documentation advises. */
export type OpenContestant = (
  place: Place,
  work: Work,
) => Promise<{
  /** What its documentation says is to be called when the process is told to end. */
  close(): Promise<unknown>;
}>;
