interface Told {
  readonly at: Date;
  /** Name of the outbox: `default`, or that of the feature. */
  readonly outbox: string;
}

/** So many messages of each type. */
export type CountByType = Readonly<Record<string, number>>;

/**
 * Messages were added. Told after the commit; where that cannot be seen (a handle given with `{ tx }`), as soon as they are
 * written, and they may still be rolled back.
 */
export interface OutboxAddedEvent extends Told {
  readonly type: 'added';
  readonly count: number;
  readonly types: CountByType;
  /** Whether they are known to be committed. */
  readonly committed: boolean;
}

/** The broker has confirmed messages, and they were removed: one event for all that were removed together. */
export interface OutboxPublishedEvent extends Told {
  readonly type: 'published';
  readonly count: number;
  readonly types: CountByType;
  /**
   * From when a message was written (a delayed one: was due) to the broker's confirm, of those confirmed since the last such
   * event; undefined where the store does not tell when messages were written.
   */
  readonly latencyMs: { readonly mean: number; readonly max: number } | undefined;
}

interface OfMessage extends Told {
  readonly messageId: string;
  readonly messageType: string;
}

interface NotAccepted extends OfMessage {
  /** The one that the message names; undefined where it names none. */
  readonly exchange: string | undefined;
  /** Failures that count. */
  readonly attempts: number;
  /** Why it was not accepted: `UNROUTABLE`, `EXCHANGE_UNAVAILABLE`, `REJECTED`, `NO_ANSWER`, … */
  readonly errorCode: string;
}

/** A message was not accepted while others are. It is tried again, and its key waits. */
export interface OutboxHeldBackEvent extends NotAccepted {
  readonly type: 'held_back';
  readonly delayMs: number;
}

/** A message was given up. */
export interface OutboxParkedEvent extends NotAccepted {
  readonly type: 'parked';
}

/** A process died while this message was tried alone. After `retry.crashes` of them it is parked. */
export interface OutboxSuspectedEvent extends OfMessage {
  readonly type: 'suspected';
  /** In a row. */
  readonly deaths: number;
}

/** The relay of this process gets no answer, from the broker or from the database; messages wait. */
export interface OutboxDownEvent extends Told {
  readonly type: 'broker_down' | 'database_down';
  readonly errorCode: string;
}

/** It gets answers again. */
export interface OutboxUpEvent extends Told {
  readonly type: 'broker_up' | 'database_up';
  readonly downMs: number;
}

/**
 * `lanes_taken_over`: the relay of this process took lanes of one that has died, or hangs. `lease_lost`: others took lanes of
 * this one, which did not renew them in time: what it had on its way may be published twice.
 */
export interface OutboxLanesEvent extends Told {
  readonly type: 'lanes_taken_over' | 'lease_lost';
  readonly lanes: number;
}

/** What `OutboxAdmin` did in this process, and what `retention` has removed. Not told when there was nothing to do. */
export interface OutboxMovedEvent extends Told {
  readonly type: 'redriven' | 'discarded' | 'replayed' | 'purged';
  readonly count: number;
}

/** One event: what `OutboxEvents` and the channels tell. Nothing in it tells a key, a routing key or what a message carries. */
export type OutboxActivity =
  | OutboxAddedEvent
  | OutboxPublishedEvent
  | OutboxHeldBackEvent
  | OutboxParkedEvent
  | OutboxSuspectedEvent
  | OutboxDownEvent
  | OutboxUpEvent
  | OutboxLanesEvent
  | OutboxMovedEvent;

/** Every type there is; a type that is missing here does not compile. */
export const EVENT_TYPES = Object.keys({
  added: 0,
  published: 0,
  held_back: 0,
  parked: 0,
  suspected: 0,
  broker_down: 0,
  broker_up: 0,
  database_down: 0,
  database_up: 0,
  lanes_taken_over: 0,
  lease_lost: 0,
  redriven: 0,
  discarded: 0,
  replayed: 0,
  purged: 0,
} satisfies Record<OutboxActivity['type'], 0>) as readonly OutboxActivity['type'][];
