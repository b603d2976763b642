import type { StoredMessage } from '../contracts/messages.js';
import type { OutboxStore, WaitingRead } from '../contracts/outbox-store.js';
import { keyOf } from '../core/block.js';
import type { MessageBook } from '../core/message-book.js';
import type { Blocks } from './blocks.js';
import type { LaneKeeper } from './lane-keeper.js';

/** Blocks that are taken up at once. */
const WAITING_BLOCKS = 50;

/** What a look at the waiting messages has found. */
export interface DueRead extends WaitingRead {
  /** Whether there may be more. */
  readonly isFull: boolean;
}

/**
 * Reads the messages of the lanes that may be published from.
 *
 * A read leaves out what is in memory and takes everything else from the beginning, so that neither a late commit nor a
 * message that was dropped can be passed by a later one of its key. For the same reason the result of a read is thrown away
 * when something was dropped while it was under way.
 */
export class Reader {
  #epoch = 0;

  constructor(
    private readonly store: OutboxStore,
    private readonly lanes: LaneKeeper,
    private readonly book: MessageBook<StoredMessage>,
    private readonly blocks: Blocks,
    /** Whether somebody measures how long messages take. */
    private readonly measured: () => boolean,
  ) {}

  /** Forgets what is queued, of one lane or of all: it is read again, in order. */
  drop(lane?: number): void {
    this.book.dropQueued(lane);
    this.#epoch += 1;
  }

  /**
   * Undefined when the result is worth nothing any more: that there was nothing must not be concluded from it.
   *
   * @param except blocks to leave out; of keys only
   */
  async pending(
    limit: number,
    except: readonly string[] = [],
  ): Promise<StoredMessage[] | undefined> {
    const usable = this.lanes.usable();
    if (usable.length === 0) return [];
    const epoch = this.#epoch;
    const rows = await this.store.readPending(usable, this.book.seqs(), limit, {
      aged: this.measured(),
      exceptKeys: keysOf(except),
    });
    return epoch === this.#epoch ? rows : undefined;
  }

  /** Messages that waited and are due, and blocks that wait for nothing. Undefined as with `pending`. */
  async due(): Promise<DueRead | undefined> {
    const usable = this.lanes.usable();
    if (usable.length === 0) return { messages: [], empty: [], isFull: false };
    const busy = new Set<string>();
    for (const { block, place } of this.book.rows())
      if (place === 'waiting' || this.blocks.has(block)) busy.add(block);
    const epoch = this.#epoch;
    const found = await this.store.readWaiting(usable, [...busy], WAITING_BLOCKS);
    if (epoch !== this.#epoch) return undefined;
    // Of a lane taken over a moment ago, or of a message that was redriven.
    const read = new Set(found.empty);
    for (const { block, lane } of found.messages) {
      this.blocks.add(block, lane);
      read.add(block);
    }
    return { ...found, isFull: read.size >= WAITING_BLOCKS };
  }
}

const keysOf = (blocks: readonly string[]): string[] =>
  blocks.map(keyOf).filter((key) => key !== undefined);
