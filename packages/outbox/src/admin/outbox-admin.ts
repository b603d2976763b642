import { randomUUID } from 'node:crypto';
import type {
  OutboxStatus,
  ParkedFilter,
  ParkedMessage,
  PublishedFilter,
} from '../contracts/messages.js';
import type { EntryRules, OutboxOperations } from '../contracts/outbox-store.js';
import { isOfReplay, toReplayed } from './replay.js';

/** How `replay` publishes again. */
export interface ReplayOptions {
  /**
   * Gives each message a new `messageId`, so that consumers that recognise duplicates handle it once more.
   * @default false
   */
  readonly newIds?: boolean | undefined;
  /** Told after each piece how many messages were added so far. */
  readonly onProgress?: ((added: number) => void) | undefined;
}

/** Few enough to be moved in a moment. */
const PIECE = 500;

/** Numbered when they were published first, if at all. */
const AS_THEY_ARE: EntryRules = { strictOrder: false, sequence: false };

/** Looks into the outbox, and brings back what was parked or published. */
export class OutboxAdmin {
  /** @internal Made by `OutboxModule`. */
  constructor(
    private readonly operations: OutboxOperations,
    private readonly wake: () => void = () => {},
  ) {}

  /** What is in the outbox now. */
  status(): Promise<OutboxStatus> {
    return this.operations.status();
  }

  /** Parked messages, the oldest first. */
  parked(filter: ParkedFilter = {}, limit = 100): Promise<ParkedMessage[]> {
    return this.operations.parked(filter, limit);
  }

  /**
   * Puts parked messages back: with their old ids, before whatever of their keys still waits, and with all attempts. Returns
   * how many.
   */
  async redrive(filter: ParkedFilter = {}): Promise<number> {
    const moved = await inPieces(() => this.operations.redrive(filter, PIECE));
    if (moved > 0) this.wake();
    return moved;
  }

  /** Throws parked messages away, for good. Returns how many. */
  async discard(filter: ParkedFilter): Promise<number> {
    const gone = await inPieces(() => this.operations.discard(filter, PIECE));
    if (gone > 0) this.wake();
    return gone;
  }

  /**
   * Publishes kept messages again (see `retention`), in the order in which they were inserted. They carry `x-redrive-id`, one
   * for each call, and `x-redrive-count`. Returns how many were added. When it fails, those added before stay.
   */
  async replay(filter: PublishedFilter, options: ReplayOptions = {}): Promise<number> {
    const { newIds = false, onProgress } = options;
    const replayId = randomUUID();
    let added = 0;
    let after: number | undefined;
    for (;;) {
      const found = await this.operations.published(filter, after, PIECE);
      // What it has published itself is kept as well: all that follows is newer than the call.
      const own = found.findIndex((message) => isOfReplay(message, replayId));
      const old = own < 0 ? found : found.slice(0, own);
      if (old.length > 0) {
        const messages = old.map((message) => toReplayed(message, replayId, newIds));
        await this.operations.add(messages, AS_THEY_ARE);
        added += old.length;
        this.wake();
        onProgress?.(added);
      }
      if (old.length < PIECE) return added;
      after = old.at(-1)?.seq;
    }
  }
}

async function inPieces(piece: () => Promise<number>): Promise<number> {
  let total = 0;
  for (;;) {
    const moved = await piece();
    total += moved;
    if (moved < PIECE) return total;
  }
}
