import { inspect } from 'node:util';
import type { Publisher, PublishOutcome } from '@acme/nest-message-context';
import type { OutboxStore, StoredMessage } from '../contracts/outbox-store.js';
import { Breaker } from '../core/breaker.js';
import { MessageBook } from '../core/message-book.js';
import { pickProbe, type Failure, type RetryPolicy, type Verdict } from '../core/settle-plan.js';
import { toOutbound } from '../message/to-outbound.js';
import { LaneKeeper } from './lane-keeper.js';
import { Settler, type SettlerEvents } from './settler.js';
import { answerWithin } from './answer-within.js';

/** @internal What a relay works with, in milliseconds. */
export interface RelaySettings {
  readonly batchSize: number;
  readonly window: number;
  readonly pollIntervalMs: number;
  readonly leaseMs: number;
  readonly retry: RetryPolicy;
}

/** What the engine has to tell. */
export interface EngineEvents extends Pick<SettlerEvents, 'heldBack' | 'parked' | 'failed'> {
  confirmed(count: number): void;
  brokerDown(error: Error | undefined): void;
  brokerUp(): void;
  takenOver(lanes: number): void;
  /** There may be something to do: `step()` again. */
  wake(): void;
}

/** `unpublishable`: thrown before the broker was asked, so it says nothing about the broker. */
type Outcome = PublishOutcome | { readonly status: 'unpublishable'; readonly error: unknown };

const BREAKER = { initialMs: 100, maxMs: 5_000 };
const MIN_POLL_MS = 20;
const WAITING_POLL_MS = 200;
/** Blocks that are taken up at once. */
const WAITING_BLOCKS = 50;

/**
 * Reads, publishes and settles the messages of the lanes it holds.
 *
 * One loop calls `step()`; publishing and settling go on meanwhile. A read leaves out what is in memory and takes everything
 * else from the beginning, so that neither a late commit nor a message that was dropped can be passed by a later one of its
 * key. For the same reason the result of a read is thrown away when something was dropped while it was under way.
 */
export class RelayEngine {
  readonly lanes: LaneKeeper;
  readonly #book: MessageBook<StoredMessage>;
  /** Blocks that have failed and wait, and the lane of each. */
  readonly #blocked = new Map<string, number>();
  readonly #settler: Settler;
  readonly #breaker = new Breaker(BREAKER, Math.random);
  #index = 0;
  #epoch = 0;
  #pollMs = MIN_POLL_MS;
  #waitingReadAt = -Infinity;
  #caughtUp = false;
  #draining = false;
  /** A message got no answer; whose fault that is shows when it is settled. */
  #doubtful = false;
  #lastError: Error | undefined;

  constructor(
    private readonly store: OutboxStore,
    private readonly publisher: Publisher,
    private readonly settings: RelaySettings,
    private readonly events: EngineEvents,
  ) {
    this.lanes = new LaneKeeper(store, settings.leaseMs);
    this.#book = new MessageBook(settings.window);
    this.#settler = new Settler(
      store,
      this.#book,
      this.#blocked,
      () => this.lanes.proofs(),
      settings.retry,
      settings.leaseMs,
      {
        heldBack: (entry) => events.heldBack(entry),
        parked: (entry) => events.parked(entry),
        failed: (error) => events.failed(error),
        leaseLost: () => this.lanes.suspect(),
        outage: () => this.#outage(),
        settled: (confirmed) => this.#settled(confirmed),
      },
    );
  }

  /** Whether nothing is in memory that is not in the database. */
  get isIdle(): boolean {
    return this.#book.isEmpty && this.#settler.isIdle;
  }

  /** Whether the last look found nothing that could be published now. */
  get isCaughtUp(): boolean {
    return this.#caughtUp && this.isIdle;
  }

  get isBrokerDown(): boolean {
    return this.#breaker.isOpen;
  }

  /** From now on only finishes what is under way. */
  drain(): void {
    this.#draining = true;
    this.#drop();
  }

  /** Gives the lanes back, within so many milliseconds; otherwise their leases expire. */
  async close(budgetMs: number): Promise<void> {
    this.#settler.cancel();
    await answerWithin(Math.max(budgetMs, 100), this.lanes.leave());
  }

  /**
   * Does what is due and returns after how many milliseconds something else will be. Rejects when the database does not
   * answer.
   */
  async step(): Promise<number> {
    if (this.lanes.dueInMs <= 0) await this.#tend();
    const tendIn = this.lanes.dueInMs;
    if (this.#draining) return tendIn;
    await this.#openLanes();
    if (this.#breaker.isOpen) return Math.min(tendIn, await this.#probe());
    this.#dispatch();
    await this.#readWaiting();
    const readIn = await this.#read();
    this.#dispatch();
    return Math.min(tendIn, readIn, this.#blocked.size > 0 ? WAITING_POLL_MS : Infinity);
  }

  /** Publishes what may go out. Called whenever that may have changed. */
  #dispatch(): void {
    if (this.#draining || this.#doubtful || this.#breaker.isOpen) return;
    for (let row = this.#book.take(); row; row = this.#book.take()) this.#publish(row);
  }

  #publish(row: StoredMessage): void {
    if (!this.lanes.mayPublish(row.lane)) {
      this.#book.forget(row);
      return this.#drop(row.lane);
    }
    const index = ++this.#index;
    this.#ask(row)
      .then((outcome) => this.#onOutcome(row, index, outcome))
      .catch((error: unknown) => this.events.failed(error));
  }

  async #ask(row: StoredMessage): Promise<Outcome> {
    let asked: ReturnType<Publisher['publish']>;
    try {
      asked = this.publisher.publish([toOutbound(row)]);
    } catch (error) {
      return { status: 'unpublishable', error };
    }
    try {
      const [outcome] = await asked;
      return outcome ?? noOutcome();
    } catch (error) {
      return { status: 'unknown', error: error as Error };
    }
  }

  #onOutcome(row: StoredMessage, index: number, outcome: Outcome): void {
    if (outcome.status === 'unknown') {
      this.#doubtful = true;
      this.#lastError = outcome.error;
    } else if (outcome.status !== 'unpublishable' && this.#breaker.close()) {
      this.events.brokerUp();
      this.events.wake();
    }
    if (outcome.status === 'confirmed') this.#book.landed(row);
    this.#settler.add(toVerdict(row, index, outcome));
    this.#dispatch();
    if (!this.#caughtUp && this.#wantsMore()) this.events.wake();
  }

  #settled(confirmed: number): void {
    this.#doubtful = false;
    if (confirmed > 0) this.events.confirmed(confirmed);
    this.#dispatch();
    this.events.wake();
  }

  #outage(): void {
    this.#drop();
    if (this.#breaker.trip(performance.now())) this.events.brokerDown(this.#lastError);
  }

  /** Forgets what is queued: it is read again, in order. */
  #drop(lane?: number): void {
    this.#book.dropQueued(lane);
    this.#epoch += 1;
    this.#caughtUp = false;
  }

  #wantsMore(): boolean {
    return this.#book.queued <= this.settings.batchSize / 2;
  }

  async #tend(): Promise<void> {
    const change = await this.lanes.tend(!this.#draining);
    for (const lane of [...change.lost, ...this.lanes.leaving]) this.#drop(lane);
    this.#forgetBlocks(change.lost);
    if (change.takenOver > 0) this.events.takenOver(change.takenOver);
    const left = [...this.lanes.leaving].filter((lane) => !this.#hasLane(lane));
    if (left.length > 0) await this.lanes.release(left);
  }

  /** Before anything of a lane is read: later messages of a key that waits must not pass it. */
  async #openLanes(): Promise<void> {
    const lanes = this.lanes.unopened;
    if (lanes.length === 0) return;
    const blocks = await this.#db(this.store.readBlocks(lanes));
    // What is left of an earlier holding is older than what somebody else may have done since.
    for (const lane of lanes) this.#drop(lane);
    this.#forgetBlocks(lanes);
    for (const { block, lane } of blocks) this.#blocked.set(block, lane);
    this.lanes.open(lanes);
  }

  /** They are the next owner's. Those that a message in memory may still be held back in go with a later look. */
  #forgetBlocks(lost: readonly number[]): void {
    const inUse = new Set<string>();
    for (const { block } of this.#book.rows()) inUse.add(block);
    for (const [block, lane] of this.#blocked) {
      const isOurs = this.lanes.holds(lane) && !lost.includes(lane);
      if (!isOurs && !inUse.has(block)) this.#blocked.delete(block);
    }
  }

  #hasLane(lane: number): boolean {
    for (const row of this.#book.rows()) if (row.lane === lane) return true;
    return false;
  }

  /** Returns in how many milliseconds to read again. */
  async #read(): Promise<number> {
    if (!this.#wantsMore()) return Infinity;
    const { batchSize, pollIntervalMs } = this.settings;
    const rows = await this.#readPending(batchSize);
    if (!rows) return 0;
    for (const row of rows) this.#enter(row);
    this.#caughtUp = rows.length < batchSize;
    if (!this.#caughtUp) return this.#wantsMore() ? 0 : Infinity;
    this.#pollMs = rows.length > 0 ? MIN_POLL_MS : Math.min(pollIntervalMs, this.#pollMs * 2);
    return this.#pollMs;
  }

  #enter(row: StoredMessage): void {
    if (row.place === 'pending' && this.#blocked.has(row.block)) this.#settler.divert(row);
    else this.#book.add(row);
  }

  /** Undefined when the result is worth nothing any more: that there was nothing must not be concluded from it. */
  async #readPending(limit: number): Promise<StoredMessage[] | undefined> {
    const usable = this.lanes.usable();
    if (usable.length === 0) return [];
    const epoch = this.#epoch;
    const rows = await this.#db(this.store.readPending(usable, this.#book.seqs(), limit));
    return epoch === this.#epoch ? rows : undefined;
  }

  async #readWaiting(): Promise<void> {
    const now = performance.now();
    // Also where none is known: what is in the database counts.
    const pause = this.#blocked.size > 0 ? WAITING_POLL_MS : this.settings.pollIntervalMs;
    if (now < this.#waitingReadAt + pause) return;
    this.#waitingReadAt = now;
    for (const row of await this.#readDue()) this.#book.add(row);
  }

  async #readDue(): Promise<StoredMessage[]> {
    const usable = this.lanes.usable();
    if (usable.length === 0) return [];
    const busy = new Set<string>();
    for (const row of this.#book.rows()) if (this.#blocked.has(row.block)) busy.add(row.block);
    const epoch = this.#epoch;
    const found = await this.#db(this.store.readWaiting(usable, [...busy], WAITING_BLOCKS));
    if (epoch !== this.#epoch) return [];
    if (found.empty.length > 0) await this.#settler.unblock(found.empty);
    // A lane taken over a moment ago, by a relay that had them blocked.
    for (const { block, lane } of found.messages) this.#blocked.set(block, lane);
    return found.messages;
  }

  /** Asks the broker with one message whether the outage is over. */
  async #probe(): Promise<number> {
    const wait = this.#breaker.retryAt - performance.now();
    if (wait > 0) return wait;
    if (!this.isIdle) return Infinity;
    const pending = (await this.#readPending(this.settings.batchSize)) ?? [];
    const due = await this.#readDue();
    const free = pending.filter(({ block }) => !this.#blocked.has(block));
    const probe = pickProbe([...free, ...due], this.#breaker.failedProbes);
    if (!probe) return this.settings.pollIntervalMs;
    this.#book.add(probe);
    this.#doubtful = false;
    const row = this.#book.take();
    if (row) this.#publish(row);
    return Infinity;
  }

  #db<T>(work: Promise<T>): Promise<T> {
    return answerWithin(this.settings.leaseMs, work);
  }
}

function toVerdict(row: StoredMessage, index: number, outcome: Outcome): Verdict<StoredMessage> {
  switch (outcome.status) {
    case 'confirmed':
      return { row, index, result: 'confirmed' };
    case 'unroutable': {
      const { exchange, routingKey } = outcome;
      const message = `No queue is bound to exchange "${exchange}" for routing key "${routingKey}".`;
      return { row, index, result: 'failed', failure: { code: 'UNROUTABLE', message } };
    }
    case 'rejected':
    case 'unpublishable':
      return { row, index, result: 'failed', failure: failureOf(outcome.error, 'REJECTED') };
    default:
      return { row, index, result: 'unknown', failure: failureOf(outcome.error, 'NO_ANSWER') };
  }
}

/** Of whatever a publisher has given or thrown. */
function failureOf(error: unknown, code: string): Failure {
  const reason = (error as { reason?: unknown } | null | undefined)?.reason;
  const message = error instanceof Error ? error.message : inspect(error);
  return { code: typeof reason === 'string' ? reason : code, message };
}

function noOutcome(): PublishOutcome {
  return { status: 'unknown', error: new Error('The publisher told no outcome.') };
}
