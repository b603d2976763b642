import type { StoredEntry, StoredMessage } from '../contracts/messages.js';
import type { OutboxStore } from '../contracts/outbox-store.js';
import type { MessageBook } from '../core/message-book.js';
import { atMost } from '@acme/nest-message-context/kit';
import type { Blocks } from './blocks.js';
import type { Dispatcher } from './dispatcher.js';
import type { LaneKeeper } from './lane-keeper.js';
import type { Outcome } from './outcome.js';
import type { RelaySettings } from './relay-settings.js';
import type { Settler } from './settler.js';
import { suspectsOf } from './suspects.js';

/** After so many milliseconds the relay's other lanes get their turn. */
const SLICE_MS = 50;
/** Of the window, while the relay's other lanes are busy: far more than are tried before they are settled. */
const RESERVED = 50;

/** What the trial works on. */
export interface TrialParts {
  readonly store: OutboxStore;
  readonly lanes: LaneKeeper;
  readonly book: MessageBook<StoredMessage>;
  readonly blocks: Blocks;
  readonly dispatcher: Dispatcher;
  readonly settler: Settler;
  readonly settings: RelaySettings;
  /** So many processes in a row have died while this message was tried. */
  suspected(entry: StoredEntry, deaths: number): void;
  /** There may be something to do: `run()` again. */
  readonly wake: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Finds the message of which relays die.
 *
 * A dead relay had some of the first messages of its lanes under way. Each of them is tried alone, and the database is told
 * before it is even read: when this process dies as well, the next one knows of which. Until all of them have been tried,
 * nothing else of these lanes is published.
 */
export class CrashTrial {
  /** In insertion order within each block. */
  #suspects: StoredEntry[] = [];
  readonly #lanes = new Set<number>();
  /** Of messages that got no answer: their first place in the order of publishing. */
  readonly #firstIndex = new Map<number, number>();
  #mustSettle = false;
  /** The one that is being published: the relay does not wait for it longer than its leases allow. */
  #asked: Promise<void> | undefined;

  constructor(private readonly parts: TrialParts) {}

  get isOver(): boolean {
    return this.#lanes.size === 0;
  }

  covers(lane: number): boolean {
    return this.#lanes.has(lane);
  }

  /** The holder of these lanes has died. Their blocks must be known. */
  async begin(lanes: readonly number[]): Promise<void> {
    const found = await suspectsOf(lanes, this.parts.store, this.parts.settings);
    this.drop(lanes);
    for (const lane of lanes) this.#lanes.add(lane);
    this.#suspects.push(...found);
    this.parts.book.reserve(RESERVED);
  }

  /** These lanes are no longer ours. */
  drop(lanes: readonly number[]): void {
    for (const lane of lanes) this.#lanes.delete(lane);
    this.#suspects = this.#suspects.filter(({ lane }) => !lanes.includes(lane));
    if (this.isOver) this.parts.book.reserve(0);
  }

  /** Tries some. Returns in how many milliseconds to go on: Infinity where something else will wake the relay. */
  async run(): Promise<number> {
    const until = performance.now() + SLICE_MS;
    while (!this.isOver && performance.now() < until) {
      if (this.#isAsking) return Infinity;
      if (this.#mustSettle && !this.parts.settler.isIdle) return Infinity;
      this.#mustSettle = false;
      if (!this.parts.book.hasRoom) return Infinity;
      const [suspect] = this.#suspects;
      // Whether the lane is still ours is asked first: its messages must not be let go untried.
      if (suspect && !this.parts.lanes.mayTry(suspect.lane)) return 0;
      if (suspect) await this.#try(suspect);
      else await this.#end();
    }
    return this.isOver ? Infinity : 0;
  }

  get #isAsking(): boolean {
    return this.#asked !== undefined;
  }

  async #try(suspect: StoredEntry): Promise<void> {
    const { store, lanes, blocks, settler, settings } = this.parts;
    if (suspect.place === 'pending' && blocks.has(suspect.block)) {
      settler.divert(suspect);
      return this.#done(suspect);
    }
    const deaths = await store.accuse(suspect, lanes.proofs());
    if (deaths === undefined) {
      lanes.suspect();
      return this.drop([suspect.lane]);
    }
    if (deaths > 0) this.parts.suspected(suspect, deaths);
    if (deaths >= settings.crashes) return this.#park(suspect, deaths);
    const row = await store.readOne(suspect);
    if (row) await this.#publish(suspect, row);
    else this.#done(suspect);
  }

  async #publish(suspect: StoredEntry, row: StoredMessage): Promise<void> {
    const { book, dispatcher, lanes, store, wake, failed } = this.parts;
    const index = this.#firstIndex.get(row.seq) ?? dispatcher.nextIndex();
    book.handOut(row);
    const asked = dispatcher
      .ask(row)
      .then((outcome) => this.#answered(suspect, row, index, outcome))
      .catch(failed)
      .finally(() => {
        this.#asked = undefined;
        wake();
      });
    this.#asked = asked;
    await atMost(lanes.dueInMs, asked);
    // What the process has survived so long it will not die of; it may be killed while the broker hangs.
    if (this.#isAsking) await store.acquit(lanes.proofs());
  }

  async #answered(
    suspect: StoredEntry,
    row: StoredMessage,
    index: number,
    outcome: Outcome,
  ): Promise<void> {
    const { dispatcher, lanes, store } = this.parts;
    this.#mustSettle ||= outcome.status !== 'confirmed';
    if (outcome.status === 'unknown') {
      this.#firstIndex.set(row.seq, index);
      this.#putLast(suspect);
    } else {
      this.#done(suspect);
      if (outcome.status !== 'confirmed') this.#leaveWaiting(suspect);
    }
    dispatcher.conclude(row, index, outcome);
    // The database stops counting: a process that is killed while the broker is down has not died of it.
    if (outcome.status === 'unknown') await store.acquit(lanes.proofs());
  }

  /** Others show whether the broker is well, and then it is this message that is not. */
  #putLast({ block }: StoredEntry): void {
    const isSame = (other: StoredEntry): boolean => other.block === block;
    const rest = this.#suspects.filter((other) => !isSame(other));
    this.#suspects = [...rest, ...this.#suspects.filter(isSame)];
  }

  #park(suspect: StoredEntry, deaths: number): void {
    const { book, dispatcher, settler } = this.parts;
    book.setAside(suspect);
    settler.add({
      row: suspect,
      index: dispatcher.nextIndex(),
      result: 'hopeless',
      failure: {
        code: 'CRASHED',
        message: `The process died ${deaths} times in a row while it read or published this message.`,
      },
    });
    this.#mustSettle = true;
    this.#done(suspect);
    this.#leaveWaiting(suspect);
  }

  /** What waits behind a message that has failed is not due any more. */
  #leaveWaiting({ block, place }: StoredEntry): void {
    if (place === 'pending') return;
    this.#suspects = this.#suspects.filter(
      (other) => other.place === 'pending' || other.block !== block,
    );
  }

  #done(suspect: StoredEntry): void {
    this.#firstIndex.delete(suspect.seq);
    this.#suspects = this.#suspects.filter((other) => other !== suspect);
  }

  async #end(): Promise<void> {
    const { store, lanes, book } = this.parts;
    await store.acquit(lanes.proofs());
    lanes.open([...this.#lanes]);
    this.#lanes.clear();
    book.reserve(0);
  }
}
