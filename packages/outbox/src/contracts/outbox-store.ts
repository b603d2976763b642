import type { SqlExecutor } from '@acme/nest-transaction';
import type { HeldBack, Parked } from '../core/settle-plan.js';
import type {
  NewMessage,
  OutboxStatus,
  ParkedFilter,
  ParkedMessage,
  PublishedFilter,
  PublishedMessage,
  StoredEntry,
  StoredMessage,
} from './messages.js';
import type { OutboxExamination, TablesVersion } from './examination.js';
import type { WakeUps } from './wake-ups.js';

/** One slice of the outbox, and the proof that the holder is still the holder. */
export interface HeldLane {
  readonly lane: number;
  /** Grows with every change of owner. */
  readonly token: number;
}

/** A lane that was just claimed. */
export interface ClaimedLane extends HeldLane {
  /**
   * Whether another relay had it, which neither renewed it nor gave it back: that one has died, or hangs. False for a lane
   * that this relay itself had without knowing, also where its lease has expired.
   */
  readonly takenOver: boolean;
}

/** How `readPending` reads. */
export interface ReadOptions {
  /** With `addedAt`, which somebody measures; otherwise it may be left out. */
  readonly aged?: boolean;
  /** Without the messages of these keys, of which enough is in memory. */
  readonly exceptKeys?: readonly string[];
}

/** What `readWaiting` found. */
export interface WaitingRead {
  /** In insertion order, at most 100 of each block. */
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

/** What `promote` did. */
export interface Promoted {
  readonly moved: number;
  /** Due, and left where they are, because an open transaction has added to their keys and may still do so. */
  readonly skipped: number;
  /** In how many milliseconds the next one is due; undefined when none waits. */
  readonly nextInMs: number | undefined;
}

/** What `redrive` did. */
export interface Redriven {
  readonly count: number;
  /** Place of the last one in insertion order; undefined when there was none. */
  readonly lastSeq: number | undefined;
}

/** How messages enter the outbox; the same for all producers and relays. */
export interface EntryRules {
  /** Transactions that add messages of one key wait for one another, so that their order is that of the commits. */
  readonly strictOrder: boolean;
  /** Each message of a key gets the key's next number. Implies `strictOrder`. */
  readonly sequence: boolean;
}

/**
 * Where messages are kept between the transaction that adds them and the broker's confirm.
 *
 * `insert` runs on the caller's transaction, from any number of processes. Everything else runs on connections of the store's
 * own, and is carried out as a whole or not at all. A lane has at most one owner, and whatever a relay changes is fenced: it
 * leaves the messages of lanes alone whose token is not current. Times are measured by the database's clock. A rejection
 * means that the database could not be asked or did not answer: the statement may or may not have been carried out, and
 * every one may be repeated.
 *
 * One relay settles (`remove`, `divert`, `holdBack`, `park`, and the `unblock` after them) one thing after the other; `tend`,
 * what reads, and the `unblock` of what it has found empty may come amid that, and so may other relays and `operations`. The
 * outcome is that of one after the other, and nobody waits in a circle.
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

  /** How processes tell one another that something was added, where they can. Used after `prepare` only. */
  wakeUps?(): WakeUps | undefined;

  /**
   * Text that is the same for two stores on the same tables, whatever their handles are, and for no others. Undefined where
   * it cannot be told. Called after `prepare`, where an application has several outboxes.
   */
  whereabouts?(): Promise<string | undefined>;

  /**
   * Writes the messages, in their order: all of them or, when it rejects, none, also for a caller who goes on with the
   * transaction. One statement, however many; more only where the server would take none that long. Those that are due later
   * wait where `promote` finds them; a time in the past counts as one that has come, and waits for `promote` as well.
   *
   * With `strictOrder` or `sequence` it waits until the transactions that have added to these keys before have ended. One call
   * locks the keys in one order; two transactions of several calls each may wait for one another, which is the database's
   * deadlock, to be repeated as any.
   */
  abstract insert(
    sql: SqlExecutor,
    messages: readonly NewMessage[],
    rules: EntryRules,
  ): Promise<unknown>;

  /**
   * Enters at most `limit` messages whose time has come, each call in the order of the times. Any number of relays may call it
   * at once: each message enters once, but what two of them enter at the same time is in no order. With `strictOrder` or
   * `sequence` it does not wait for the transactions that have added to a key: that key's messages are left for a later call.
   */
  abstract promote(limit: number, rules: EntryRules): Promise<Promoted>;

  /**
   * Says that a relay lives, renews the leases of what it holds, and counts the others. Renewed is what has this token and this
   * relay as its owner, also after the lease has expired, unless somebody else has claimed it.
   */
  abstract tend(relay: string, held: readonly HeldLane[], leaseMs: number): Promise<Tended>;
  /**
   * Takes at most `limit` lanes that nobody holds, whose holder's lease has expired, or that this relay has without knowing:
   * the answer to an earlier claim was lost.
   */
  abstract claim(
    relay: string,
    held: readonly HeldLane[],
    limit: number,
    leaseMs: number,
  ): Promise<ClaimedLane[]>;
  abstract release(held: readonly HeldLane[]): Promise<void>;
  /** Releases what it holds and forgets the relay. */
  abstract leave(relay: string): Promise<void>;

  /**
   * The lowest messages of these lanes, in insertion order, without `except`.
   */
  abstract readPending(
    lanes: readonly number[],
    except: readonly number[],
    limit: number,
    options?: ReadOptions,
  ): Promise<StoredMessage[]>;
  /** The blocks of keys of these lanes that have failed and wait, each with its lane. */
  abstract readBlocks(
    lanes: readonly number[],
  ): Promise<{ readonly block: string; readonly lane: number }[]>;
  /**
   * Messages of at most `limit` waiting blocks whose time has come, without the blocks in `except`: the first 100 of each, in
   * insertion order. The block that has been due for longest comes first.
   */
  abstract readWaiting(
    lanes: readonly number[],
    except: readonly string[],
    limit: number,
  ): Promise<WaitingRead>;

  /** The lowest `limit` pending messages of these lanes, in insertion order. Without reading what they carry. */
  abstract pendingEntries(
    lanes: readonly number[],
    limit: number,
    exceptKeys?: readonly string[],
  ): Promise<StoredEntry[]>;
  /**
   * The same of the waiting blocks that are due: what `readWaiting` finds in at most `limit` blocks. It may leave out blocks
   * that have been due for less time than 50 others.
   */
  abstract waitingEntries(lanes: readonly number[], limit: number): Promise<StoredEntry[]>;
  /**
   * Remembers that this message is being tried, and no other one of the lanes held. Whoever takes the lane over from here on
   * counts a death against it, unless the lane was given back. Returns how many there were in a row, since another message of
   * the lane was the one that was being tried; undefined when the lane is lost.
   */
  abstract accuse(suspect: StoredEntry, held: readonly HeldLane[]): Promise<number | undefined>;
  /** No message of these lanes is being tried any more. */
  abstract acquit(held: readonly HeldLane[]): Promise<void>;
  /** One message; undefined when it is there no longer. */
  abstract readOne(suspect: StoredEntry): Promise<StoredMessage | undefined>;

  /** Removes published messages, or moves them to the kept ones; returns how many were there and still ours. */
  abstract remove(
    place: StoredEntry['place'],
    seqs: readonly number[],
    held: readonly HeldLane[],
    keep: boolean,
  ): Promise<number>;
  /** Moves messages behind their blocked predecessors. Where nothing blocks them any more, they are due at once. */
  abstract divert(messages: readonly StoredEntry[], held: readonly HeldLane[]): Promise<void>;
  /** Records failures: the message waits, and its block with it, for `delayMs`. */
  abstract holdBack(
    place: StoredEntry['place'],
    entries: readonly HeldBack<StoredEntry>[],
    held: readonly HeldLane[],
  ): Promise<void>;
  /** Gives messages up: moves them to the parked ones. `blockKey`: those behind one of them wait until it is redriven. */
  abstract park(
    place: StoredEntry['place'],
    entries: readonly Parked<StoredEntry>[],
    held: readonly HeldLane[],
    blockKey: boolean,
  ): Promise<void>;
  /**
   * Ends the waiting of those blocks that have no message left, and wait for none that is parked. Returns those whose waiting
   * this call has ended: not those that did not wait (any more).
   */
  abstract unblock(blocks: readonly string[], held: readonly HeldLane[]): Promise<string[]>;
  /**
   * Makes messages due that wait without a block. Nothing here leaves such ones; it is for those who change the tables by hand.
   * One relay asks for it now and then: it may look at every block, and must lock nothing when all is well.
   */
  abstract heal(): Promise<void>;

  /** What people and programs do that look after the outbox. */
  abstract readonly operations: OutboxOperations;
}

/** Looks into the outbox and moves what is not the relay's: from any number of processes, while relays run. */
export interface OutboxOperations {
  /** What is in the outbox now. */
  status(): Promise<OutboxStatus>;
  /** Parked messages, the oldest first. */
  parked(filter: ParkedFilter, limit: number): Promise<ParkedMessage[]>;
  /**
   * Moves at most `limit` parked messages back to their places, the oldest first, to be published next, all failures forgiven
   * though not forgotten: the history stays. What waits behind them is due as well. What somebody else moves at the same time
   * is left to that one.
   *
   * @param afterSeq the last one of a call before, so that none is moved again that was parked once more since
   */
  redrive(filter: ParkedFilter, limit: number, afterSeq?: number): Promise<Redriven>;
  /** Deletes at most `limit` parked messages, the oldest first, and lets go on what waits for them; returns how many. */
  discard(filter: ParkedFilter, limit: number): Promise<number>;
  /** Kept messages after `afterSeq`, in insertion order. */
  published(
    filter: PublishedFilter,
    afterSeq: number | undefined,
    limit: number,
  ): Promise<PublishedMessage[]>;
  /** Adds messages, committed at once; in several parts where the server would take no statement that long. */
  add(messages: readonly NewMessage[], rules: EntryRules): Promise<unknown>;
  /** Deletes at most `limit` kept messages that were published longer ago; returns how many. */
  purge(olderThanMs: number, limit: number): Promise<number>;
  /** How far the tables are; missing where there are none to be made. */
  version?(): Promise<TablesVersion>;
  /**
   * Looks at everything that may keep messages from leaving, for `doctor`. Reads only, and asks for no locks.
   *
   * @param patienceMs what has waited no longer is nothing to tell of
   */
  examine?(patienceMs: number): Promise<OutboxExamination>;
}
