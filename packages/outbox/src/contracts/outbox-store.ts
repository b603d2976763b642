import type { SqlExecutor } from '@acme/nest-transaction';
import type { HeldBack, Parked, Settleable } from '../core/settle-plan.js';
import type { Bookable } from '../core/message-book.js';

/** A message as `add()` hands it to the store: a snapshot, complete, and independent of the objects it was made from. */
export interface NewMessage {
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

/** A message that the relay has read. `block` is its key, or something of its own when it has none. */
export interface StoredMessage extends NewMessage, Bookable, Settleable {}

/** One slice of the outbox, and the proof that the holder is still the holder. */
export interface HeldLane {
  readonly lane: number;
  /** Grows with every change of owner. */
  readonly token: number;
}

/** What `readWaiting` found. */
export interface WaitingRead {
  readonly messages: StoredMessage[];
  /** Blocks that are due and have no message left: give them to `unblock`. */
  readonly empty: string[];
}

/** What `tend` found. */
export interface Tended {
  /** Live relays, this one included. */
  readonly relays: number;
  /** Lanes whose lease was renewed; those missing are lost. */
  readonly renewed: readonly number[];
}

/**
 * Where messages are kept between the transaction that adds them and the broker's confirm.
 *
 * `insert` runs on the caller's transaction, from any number of processes. Everything else is the relay's, on connections of
 * the store's own, and one relay does one thing after the other. A lane has at most one owner; whatever changes messages is
 * fenced: it leaves the messages of lanes alone whose token is not current. Times are measured by the database's clock. A
 * rejection means that the database could not be asked or did not answer: the statement may or may not have been carried out,
 * and every one may be repeated.
 */
export abstract class OutboxStore {
  /**
   * Prepares the tables and learns the number of lanes. Called once at boot, and before the first `insert`.
   *
   * @param lanes what the configuration says; undefined takes what the database has
   * @throws {OutboxSchemaError} when the tables are missing, or their number of lanes is another one
   */
  abstract prepare(lanes: number | undefined): Promise<void>;

  /** Number of lanes; known after `prepare`. */
  abstract readonly lanes: number;

  /** Writes the messages, in their order, in one statement. */
  abstract insert(sql: SqlExecutor, messages: readonly NewMessage[]): Promise<void>;

  /** Says that a relay lives, renews the leases of what it holds, and counts the others. */
  abstract tend(relay: string, held: readonly HeldLane[], leaseMs: number): Promise<Tended>;
  /** Takes at most `limit` lanes that nobody holds, or whose holder's lease has expired. `takenOver`: from a dead holder. */
  abstract claim(
    relay: string,
    limit: number,
    leaseMs: number,
  ): Promise<(HeldLane & { readonly takenOver: boolean })[]>;
  abstract release(held: readonly HeldLane[]): Promise<void>;
  /** Releases what it holds and forgets the relay. */
  abstract leave(relay: string): Promise<void>;

  /** The lowest messages of these lanes, in insertion order, without `except`. */
  abstract readPending(
    lanes: readonly number[],
    except: readonly number[],
    limit: number,
  ): Promise<StoredMessage[]>;
  /** The blocks of these lanes that have failed and wait, each with its lane. */
  abstract readBlocks(
    lanes: readonly number[],
  ): Promise<{ readonly block: string; readonly lane: number }[]>;
  /** Messages of waiting blocks whose time has come, in insertion order within each block, without the blocks in `except`. */
  abstract readWaiting(
    lanes: readonly number[],
    except: readonly string[],
    limit: number,
  ): Promise<WaitingRead>;

  /** Removes published messages; returns how many were there and still ours. */
  abstract remove(
    place: StoredMessage['place'],
    seqs: readonly number[],
    held: readonly HeldLane[],
  ): Promise<number>;
  /** Moves messages behind their blocked predecessors. */
  abstract divert(messages: readonly StoredMessage[], held: readonly HeldLane[]): Promise<void>;
  /** Records failures: the message waits, and its block with it, for `delayMs`. */
  abstract holdBack(
    place: StoredMessage['place'],
    entries: readonly HeldBack<StoredMessage>[],
    held: readonly HeldLane[],
  ): Promise<void>;
  /** Gives messages up: moves them to the parked ones. */
  abstract park(
    place: StoredMessage['place'],
    entries: readonly Parked<StoredMessage>[],
    held: readonly HeldLane[],
  ): Promise<void>;
  /** Ends the waiting of those blocks that have no message left; returns which. */
  abstract unblock(blocks: readonly string[], held: readonly HeldLane[]): Promise<string[]>;
}

export type { HeldBack, Parked };
