import type { Bookable } from '../core/message-book.js';
import type { FailureRecord, Settleable } from '../core/settle-plan.js';

/** What both a new and a stored message have: a snapshot, complete, and independent of the objects it was made from. */
export interface MessageContent {
  readonly messageId: string;
  readonly type: string;
  readonly key: string | null;
  readonly exchange: string | null;
  readonly routingKey: string | null;
  readonly contentType: string | null;
  /** JSON of a flat object; null when there are none. */
  readonly headers: string | null;
  /** Unix milliseconds. */
  readonly occurredAt: number;
  /** JSON text, or bytes that go out as they are. */
  readonly payload: string | Uint8Array;
}

/** When a message may leave: at a time (Unix milliseconds), or so long after the database has taken it. */
export type Due = { readonly atMs: number } | { readonly inMs: number };

/** A message as `add()` hands it to the store. */
export interface NewMessage extends MessageContent {
  /** Null: at once. */
  readonly due: Due | null;
}

/** Where a stored message stands. `block` is its key, or something of its own when it has none. */
export interface StoredEntry extends Bookable, Settleable {
  readonly messageId: string;
  readonly type: string;
  /**
   * When it was written, a delayed one when it was due: on the clock of `performance.now()` in this process, counted back from
   * the age that the database gave. Two machines' clocks are never compared. Undefined where it is not known.
   */
  readonly addedAt?: number | undefined;
}

/** A message that the relay has read. */
export interface StoredMessage extends MessageContent, StoredEntry {
  /** Its number within its key; null unless keys are numbered. */
  readonly sequence: number | null;
}

/** A message that was given up. */
export interface ParkedMessage extends MessageContent {
  readonly attempts: number;
  /** Code of the last failure: `UNROUTABLE`, `CRASHED`, … */
  readonly reason: string;
  readonly error: string;
  readonly history: readonly FailureRecord[];
  /** Unix milliseconds, by the database's clock. */
  readonly parkedAt: number;
}

/** A message that was published and kept. */
export interface PublishedMessage extends MessageContent {
  /** Place in insertion order. */
  readonly seq: number;
  /** Its number within its key; null where keys were not numbered. */
  readonly sequence: number | null;
}

/** Which parked messages; several conditions must all hold. */
export interface ParkedFilter {
  readonly messageIds?: readonly string[] | undefined;
  readonly type?: string | undefined;
  readonly key?: string | undefined;
  readonly reason?: string | undefined;
}

/** Which published messages; several conditions must all hold. */
export interface PublishedFilter {
  readonly type?: string | undefined;
  readonly key?: string | undefined;
  /** Published at this time (Unix milliseconds) or later. */
  readonly from?: number | undefined;
  /** Published before this time (Unix milliseconds). */
  readonly to?: number | undefined;
}

/** What is in the outbox. Counts stop at `COUNT_LIMIT`: counting a larger backlog would be load at the worst time. */
export interface OutboxStatus {
  /** Messages that could be published now. */
  readonly pending: number;
  /** Age of the oldest of them in milliseconds; 0 when there is none. */
  readonly oldestAgeMs: number;
  /** Messages whose time has not come. */
  readonly delayed: number;
  /** Messages of keys whose first one has failed. */
  readonly waiting: number;
  /** Keys (and messages without one) that have failed and wait. */
  readonly blocked: number;
  /** Messages that were given up. */
  readonly parked: number;
  /** Messages that were published and are kept. */
  readonly published: number;
  readonly lanes: number;
  /** Lanes that a live relay holds. */
  readonly heldLanes: number;
  /** Relays that have given a sign of life. */
  readonly relays: number;
}

/** @see OutboxStatus */
export const COUNT_LIMIT = 100_000;
