import type { Publisher } from '@acme/nest-message-context';
import type { StoredEntry, StoredMessage } from '../contracts/messages.js';
import type { OutboxStore } from '../contracts/outbox-store.js';
import { Breaker } from '../core/breaker.js';
import { MessageBook } from '../core/message-book.js';
import { pickProbe } from '../core/settle-plan.js';
import { Blocks } from './blocks.js';
import { CrashTrial } from './crash-trial.js';
import { Delays } from './delays.js';
import { Dispatcher } from './dispatcher.js';
import { LaneKeeper } from './lane-keeper.js';
import { answering, Patience } from './patience.js';
import { Reader } from './reader.js';
import { crowdOf, READ_AHEAD, type RelaySettings } from './relay-settings.js';
import { Settler, type SettlerEvents } from './settler.js';
import { Upkeep } from './upkeep.js';

/** What the engine has to tell. */
export interface EngineEvents extends Pick<
  SettlerEvents,
  'confirmed' | 'heldBack' | 'parked' | 'failed'
> {
  /** Whether somebody measures how long messages take. */
  isMeasured(): boolean;
  /** Confirmed and removed. */
  published(rows: readonly StoredEntry[]): void;
  brokerDown(error: Error | undefined): void;
  brokerUp(): void;
  takenOver(lanes: number): void;
  /** Others have lanes that were ours. */
  leaseLost(lanes: number): void;
  /** So many processes in a row have died while this message was tried. */
  suspected(entry: StoredEntry, deaths: number): void;
  purged(count: number): void;
  /** There may be something to do: `step()` again. */
  wake(): void;
}

const BREAKER = { initialMs: 100, maxMs: 5_000 };
const MIN_POLL_MS = 20;
/** To read around a long backlog of one key takes long, and finds little: it is done a tenth of the time at most. */
const AROUND = 9;
/** For giving the lanes back, also when everything else has taken its time. */
export const LEAVE_MS = 100;

/**
 * Reads, publishes and settles the messages of the lanes it holds. One loop calls `step()`; publishing and settling go on
 * meanwhile.
 */
export class RelayEngine {
  readonly #lanes: LaneKeeper;
  readonly #book: MessageBook<StoredMessage>;
  readonly #blocks: Blocks;
  readonly #settler: Settler;
  readonly #breaker = new Breaker(BREAKER, Math.random);
  readonly #dispatcher: Dispatcher;
  readonly #reader: Reader;
  readonly #trial: CrashTrial;
  readonly #delays: Delays;
  readonly #upkeep: Upkeep;
  readonly #store: OutboxStore;
  readonly #patience: Patience;
  /** Lanes taken over from a dead relay, whose messages are still to be tried one by one. */
  readonly #untried = new Set<number>();
  #pollMs = MIN_POLL_MS;
  #caughtUp = false;
  /** When to read around the crowded blocks again, unless one of them is no longer crowded. */
  #aroundAt = -Infinity;
  #relieved = 0;
  #draining = false;

  constructor(
    asked: OutboxStore,
    publisher: Publisher,
    private readonly settings: RelaySettings,
    private readonly events: EngineEvents,
  ) {
    this.#patience = new Patience(settings.leaseMs);
    const store = (this.#store = answering(asked, this.#patience));
    const lanes = (this.#lanes = new LaneKeeper(store, settings.leaseMs));
    const book = (this.#book = new MessageBook<StoredMessage>(
      settings.window,
      crowdOf(settings.batchSize),
    ));
    // As for everything else: the leases are renewed with a look, however seldom it polls.
    const pollIntervalMs = Math.min(settings.pollIntervalMs, settings.leaseMs / 3);
    const blocks = (this.#blocks = new Blocks(pollIntervalMs));
    const settler = (this.#settler = new Settler(
      store,
      book,
      blocks,
      () => lanes.proofs(),
      settings,
      {
        confirmed: (row) => events.confirmed(row),
        heldBack: (entry) => events.heldBack(entry),
        parked: (entry) => events.parked(entry),
        failed: (error) => events.failed(error),
        leaseLost: () => lanes.suspect(),
        outage: () => this.#outage(),
        settled: (removed) => this.#settled(removed),
      },
    ));
    const dispatcher = new Dispatcher(publisher, book, lanes, this.#breaker, settler, {
      laneLost: (lane) => this.#drop(lane),
      brokerUp: () => this.#brokerUp(),
      answered: () => this.#answered(),
      failed: (error) => events.failed(error),
    });
    this.#dispatcher = dispatcher;
    this.#reader = new Reader(store, lanes, book, blocks, () => events.isMeasured());
    this.#trial = new CrashTrial({
      store,
      lanes,
      book,
      blocks,
      dispatcher,
      settler,
      settings,
      suspected: (entry, deaths) => events.suspected(entry, deaths),
      wake: () => events.wake(),
      failed: (error) => events.failed(error),
    });
    this.#delays = new Delays(store, { ...settings, pollIntervalMs });
    this.#upkeep = new Upkeep(store, settings, (count) => events.purged(count));
  }

  /** Whether nothing is in memory that is not in the database. */
  get isIdle(): boolean {
    return this.#book.isEmpty && this.#settler.isIdle;
  }

  /** Whether the last look found nothing that could be published now. */
  get isCaughtUp(): boolean {
    const nothingIsDue = this.#delays.isCaughtUp && this.#blocks.dueInMs > 0;
    return this.#caughtUp && this.isIdle && this.#trial.isOver && nothingIsDue;
  }

  get isBrokerDown(): boolean {
    return this.#breaker.isOpen;
  }

  /** One relay of an outbox does. */
  get holdsFirstLane(): boolean {
    return this.#lanes.mayTry(0);
  }

  /** A message was added that is due then. */
  dueIn(ms: number): void {
    this.#delays.dueIn(ms);
  }

  /** What waits may have been put back, or may wait for nothing any more. */
  lookAtWaiting(): void {
    this.#blocks.dueIn(0);
  }

  /** From now on only finishes what is under way. */
  drain(): void {
    this.#draining = true;
    this.#dispatcher.stop();
    this.#drop();
  }

  /** There is no more time: a statement without an answer fails now. To be closed next. */
  giveUp(): void {
    this.#patience.shorten(LEAVE_MS);
  }

  /** Gives the lanes back, within so many milliseconds; otherwise their leases expire. */
  async close(budgetMs: number): Promise<void> {
    this.#settler.cancel();
    this.#patience.shorten(Math.max(budgetMs, LEAVE_MS));
    await this.#lanes.leave();
  }

  /**
   * Does what is due and returns after how many milliseconds something else will be. Rejects when the database does not
   * answer.
   */
  async step(): Promise<number> {
    if (this.#lanes.dueInMs <= 0) await this.#tend();
    const tendIn = this.#lanes.dueInMs;
    if (this.#draining) return tendIn;
    await this.#openLanes();
    if (this.#breaker.isOpen) return Math.min(tendIn, await this.#probe());
    this.#dispatcher.run();
    const trialIn = await this.#trial.run();
    const delayedIn = await this.#delays.step();
    const waitingIn = await this.#readWaiting();
    const readIn = await this.#read();
    this.#dispatcher.run();
    const upkeepIn = await this.#upkeep.step(this.#lanes.mayPublish(0));
    return Math.min(tendIn, trialIn, delayedIn, waitingIn, readIn, upkeepIn);
  }

  #answered(): void {
    if (!this.#wantsMore()) return;
    if (!this.#caughtUp || this.#blocks.dueInMs <= 0) this.events.wake();
  }

  #brokerUp(): void {
    this.events.brokerUp();
    this.events.wake();
  }

  #settled(removed: readonly StoredEntry[]): void {
    if (removed.length > 0) this.events.published(removed);
    this.#dispatcher.settled();
    this.events.wake();
  }

  #outage(): void {
    this.#drop();
    if (this.#breaker.trip(performance.now())) this.events.brokerDown(this.#dispatcher.lastError);
  }

  /** Forgets what is queued: it is read again, in order. */
  #drop(lane?: number): void {
    this.#reader.drop(lane);
    this.#caughtUp = false;
  }

  /** Not during an outage, also one that began while a step was at something else: nothing would ever take it out again. */
  #wantsMore(): boolean {
    const { heads, queued } = this.#book;
    const { batchSize } = this.settings;
    const ahead = queued + this.#settler.diverting;
    const isShort = heads <= batchSize / 2 && ahead <= batchSize * READ_AHEAD.ofAll;
    return isShort && !this.#breaker.isOpen;
  }

  async #tend(): Promise<void> {
    const change = await this.#lanes.tend(!this.#draining);
    const gone = [...change.lost, ...this.#lanes.leaving];
    for (const lane of gone) {
      this.#drop(lane);
      this.#untried.delete(lane);
    }
    this.#trial.drop(gone);
    this.#forgetBlocks(change.lost);
    for (const lane of change.takenOver) this.#untried.add(lane);
    if (change.takenOver.length > 0) this.events.takenOver(change.takenOver.length);
    if (change.lost.length > 0) this.events.leaseLost(change.lost.length);
    const left = [...this.#lanes.leaving].filter((lane) => !this.#hasLane(lane));
    if (left.length > 0) await this.#lanes.release(left);
  }

  /** Before anything of a lane is read: later messages of a key that waits must not pass it. */
  async #openLanes(): Promise<void> {
    const lanes = this.#lanes.unopened.filter((lane) => !this.#trial.covers(lane));
    if (lanes.length === 0) return;
    const blocks = await this.#store.readBlocks(lanes);
    // What is left of an earlier holding is older than what somebody else may have done since.
    for (const lane of lanes) this.#drop(lane);
    this.#forgetBlocks(lanes);
    for (const { block, lane } of blocks) this.#blocks.add(block, lane);
    const untried = lanes.filter((lane) => this.#untried.has(lane));
    if (untried.length > 0) await this.#trial.begin(untried);
    for (const lane of untried) this.#untried.delete(lane);
    this.#lanes.open(lanes.filter((lane) => !untried.includes(lane)));
    this.#blocks.dueIn(0);
  }

  /** They are the next owner's. Those that a message in memory may still be held back in go with a later look. */
  #forgetBlocks(lost: readonly number[]): void {
    const inUse = new Set<string>();
    for (const { block } of this.#book.rows()) inUse.add(block);
    this.#blocks.forget((block, lane) => {
      const isOurs = this.#lanes.holds(lane) && !lost.includes(lane);
      return !isOurs && !inUse.has(block);
    });
  }

  #hasLane(lane: number): boolean {
    for (const row of this.#book.rows()) if (row.lane === lane) return true;
    return false;
  }

  /** Returns in how many milliseconds to read again. */
  async #read(): Promise<number> {
    if (!this.#wantsMore()) return Infinity;
    const { batchSize, pollIntervalMs } = this.settings;
    const { crowded, relieved } = this.#book;
    const from = performance.now();
    if (crowded.length > 0 && relieved === this.#relieved && from < this.#aroundAt)
      return this.#aroundAt - from;
    const rows = await this.#reader.pending(batchSize, crowded);
    if (!rows) return 0;
    this.#relieved = relieved;
    for (const row of rows) {
      if (this.#blocks.has(row.block)) this.#settler.divert(row);
      else this.#book.add(row);
    }
    const isAll = rows.length < batchSize;
    this.#caughtUp = isAll && crowded.length === 0;
    if (!isAll) return this.#wantsMore() ? 0 : Infinity;
    if (crowded.length > 0) {
      const now = performance.now();
      this.#aroundAt = now + Math.max(MIN_POLL_MS, AROUND * (now - from));
      return this.#aroundAt - now;
    }
    this.#pollMs = rows.length > 0 ? MIN_POLL_MS : Math.min(pollIntervalMs, this.#pollMs * 2);
    return this.#pollMs;
  }

  /** Returns in how many milliseconds to look again. */
  async #readWaiting(): Promise<number> {
    if (this.#blocks.dueInMs > 0) return this.#blocks.dueInMs;
    if (!this.#wantsMore()) return Infinity;
    this.#blocks.looked();
    const found = await this.#reader.due();
    if (!found || found.isFull) this.#blocks.dueIn(0);
    if (found) {
      for (const row of found.messages) this.#book.add(row);
      if (found.empty.length > 0) await this.#settler.unblock(found.empty);
    }
    return Math.max(0, this.#blocks.dueInMs);
  }

  /** Asks the broker with one message whether the outage is over. */
  async #probe(): Promise<number> {
    const wait = this.#breaker.retryAt - performance.now();
    if (wait > 0) return wait;
    // What a step has read that was under way when the breaker opened: nothing but a probe leaves while it is open.
    if (this.#book.queued > 0) this.#drop();
    if (!this.isIdle) return Infinity;
    // By turns: one that can never be answered must not be the only one that asks.
    if (!this.#trial.isOver && this.#breaker.failedProbes % 2 === 0) return this.#trial.run();
    const pending = (await this.#reader.pending(this.settings.batchSize)) ?? [];
    const due = (await this.#reader.due())?.messages ?? [];
    const free = pending.filter(({ block }) => !this.#blocks.has(block));
    const probe = pickProbe([...free, ...due], this.#breaker.failedProbes);
    if (!probe && pending.length > 0) {
      // There may be others behind them. Their key may not be due for long, or never.
      for (const row of pending) this.#settler.divert(row);
      return Infinity;
    }
    if (!probe) return this.#trial.isOver ? this.settings.pollIntervalMs : this.#trial.run();
    this.#book.add(probe);
    this.#dispatcher.probe();
    return Infinity;
  }
}
