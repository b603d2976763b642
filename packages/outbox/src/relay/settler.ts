import type { StoredEntry, StoredMessage } from '../contracts/messages.js';
import type { HeldLane, OutboxStore } from '../contracts/outbox-store.js';
import { keyOf } from '../core/block.js';
import type { MessageBook } from '../core/message-book.js';
import {
  planSettle,
  type HeldBack,
  type Parked,
  type SettlePlan,
  type Verdict,
} from '../core/settle-plan.js';
import type { Blocks } from './blocks.js';
import type { RelaySettings } from './relay-settings.js';

type Row = StoredEntry;
type Place = Row['place'];

/** A confirmed message is removed after so many milliseconds at the latest … */
const FLUSH_AFTER_MS = 50;
/** … or as soon as so many have come together. */
const FLUSH_AT = 200;
const RETRY_AFTER_MS = 500;

/** What the relay is told. */
export interface SettlerEvents {
  /** The broker gave no answer: what it was asked for stays where it is. */
  outage(): void;
  heldBack(entry: HeldBack<Row>): void;
  parked(entry: Parked<Row>): void;
  /** Fewer messages than expected were still ours. */
  leaseLost(): void;
  failed(error: unknown): void;
  /** The broker has confirmed a message. */
  confirmed(row: Row): void;
  /** Something was settled, so there is room for more. */
  settled(removed: readonly Row[]): void;
}

interface Work {
  readonly plan: SettlePlan<Row>;
  readonly diverts: readonly Row[];
}

/** Carries out in the database what became of the messages: batched, one statement after the other, until it succeeds. */
export class Settler {
  #verdicts: Verdict<Row>[] = [];
  #diverts: Row[] = [];
  #work: Work | undefined;
  #lastConfirmed = 0;
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #cancelled = false;

  constructor(
    private readonly store: OutboxStore,
    private readonly book: MessageBook<StoredMessage>,
    private readonly blocks: Blocks,
    private readonly proofs: () => HeldLane[],
    private readonly settings: RelaySettings,
    private readonly events: SettlerEvents,
  ) {}

  get isIdle(): boolean {
    return !this.#work && this.#verdicts.length === 0 && this.#diverts.length === 0;
  }

  /** Messages on their way behind their blocked predecessors. */
  get diverting(): number {
    return this.#diverts.length + (this.#work?.diverts.length ?? 0);
  }

  add(verdict: Verdict<Row>): void {
    if (verdict.result === 'confirmed') {
      this.#lastConfirmed = Math.max(this.#lastConfirmed, verdict.index);
      this.events.confirmed(verdict.row);
    }
    this.#verdicts.push(verdict);
    this.#schedule();
  }

  /** Moves a message behind its blocked predecessors. */
  divert(row: Row): void {
    this.book.setAside(row);
    this.#diverts.push(row);
    this.#schedule();
  }

  /** For good: what is left, or comes later, stays in the database and is published again. */
  cancel(): void {
    this.#cancelled = true;
    this.#stopTimer();
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #schedule(): void {
    if (this.#running || this.#cancelled) return;
    if (this.#verdicts.length + this.#diverts.length >= FLUSH_AT && !this.#work) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), FLUSH_AFTER_MS);
  }

  #flush(): void {
    this.#stopTimer();
    this.#running ??= this.#run().then(
      () => {
        this.#running = undefined;
        if (!this.isIdle) this.#schedule();
      },
      (error: unknown) => {
        this.#running = undefined;
        if (this.#cancelled) return;
        this.#timer ??= setTimeout(() => this.#flush(), RETRY_AFTER_MS);
        this.events.failed(error);
      },
    );
  }

  /** One round. What fails is kept and repeated: every statement may be. */
  async #run(): Promise<void> {
    this.#work ??= this.#nextWork();
    const { plan, diverts } = this.#work;
    const held = this.proofs();
    // What has failed moves before what was read behind it: in between this process may end, and the next one must not find
    // only the latter among those that wait.
    await this.#holdBack(plan.heldBack, held);
    await this.#park(plan.parked, held);
    if (diverts.length > 0) await this.store.divert(diverts, held);
    await this.#remove('pending', plan.confirmed, held);
    await this.#remove('waiting', plan.confirmed, held);
    await this.#unblock([...plan.confirmed, ...plan.parked.map(({ row }) => row)], held);
    this.#finish(this.#work);
    this.#work = undefined;
  }

  #nextWork(): Work {
    const verdicts = this.#verdicts.splice(0);
    const plan = planSettle({
      verdicts,
      lastConfirmed: this.#lastConfirmed,
      policy: this.settings.retry,
      now: new Date(),
      random: Math.random,
    });
    for (const { row } of plan.heldBack) this.#block(row);
    for (const { row } of plan.parked) if (this.#blocksKey(row)) this.#block(row);
    const diverts = this.#diverts.splice(0);
    for (const row of plan.unanswered) this.book.forget(row);
    if (plan.unanswered.length > 0) this.events.outage();
    return { plan, diverts };
  }

  /** What was read of this block must not pass the one that failed. */
  #block({ block, lane }: Row): void {
    this.blocks.add(block, lane);
    for (const row of this.book.withdraw(block)) {
      if (row.place === 'pending') this.#diverts.push(row);
      else this.book.forget(row);
    }
  }

  #blocksKey({ block }: Row): boolean {
    return this.settings.blockKeyOnPark && keyOf(block) !== undefined;
  }

  async #holdBack(entries: readonly HeldBack<Row>[], held: HeldLane[]): Promise<void> {
    for (const [place, some] of byPlace(entries)) {
      await this.store.holdBack(place, some, held);
    }
  }

  async #park(entries: readonly Parked<Row>[], held: HeldLane[]): Promise<void> {
    for (const [place, some] of byPlace(entries)) {
      const { blockKeyOnPark } = this.settings;
      await this.store.park(place, some, held, blockKeyOnPark);
    }
  }

  async #remove(place: Place, confirmed: readonly Row[], held: HeldLane[]): Promise<void> {
    const seqs = confirmed.filter((row) => row.place === place).map(({ seq }) => seq);
    if (seqs.length === 0) return;
    const keep = this.settings.retentionMs !== undefined;
    const removed = await this.store.remove(place, seqs, held, keep);
    if (removed < seqs.length) this.events.leaseLost();
  }

  async #unblock(done: readonly Row[], held: HeldLane[]): Promise<void> {
    const blocks = new Set(done.filter((row) => row.place === 'waiting').map(({ block }) => block));
    if (blocks.size === 0) return;
    await this.unblock([...blocks], held);
    // Those with more messages than were read go on at once.
    for (const block of blocks) if (this.blocks.has(block)) this.blocks.dueIn(0);
  }

  /** Ends the waiting of blocks that have no message left. */
  async unblock(blocks: readonly string[], held = this.proofs()): Promise<void> {
    // Of messages on their way behind it: those of a statement that ends meanwhile, and those that are read meanwhile.
    const pending = this.#divertedBlocks();
    const free = await this.store.unblock(blocks, held);
    for (const block of this.#divertedBlocks()) pending.add(block);
    for (const block of free) if (!pending.has(block)) this.blocks.delete(block);
  }

  #divertedBlocks(): Set<string> {
    const diverts = [...this.#diverts, ...(this.#work?.diverts ?? [])];
    return new Set(diverts.map(({ block }) => block));
  }

  #finish({ plan, diverts }: Work): void {
    for (const row of [...plan.confirmed, ...diverts]) this.book.forget(row);
    if (diverts.length > 0) this.blocks.dueIn(0);
    for (const entry of plan.heldBack) {
      this.book.forget(entry.row);
      this.blocks.dueIn(entry.delayMs);
      this.events.heldBack(entry);
    }
    for (const entry of plan.parked) {
      this.book.forget(entry.row);
      this.events.parked(entry);
    }
    this.events.settled(plan.confirmed);
  }
}

function byPlace<Entry extends { readonly row: Row }>(
  entries: readonly Entry[],
): [Place, Entry[]][] {
  const places = new Map<Place, Entry[]>();
  for (const entry of entries) {
    const some = places.get(entry.row.place);
    if (some) some.push(entry);
    else places.set(entry.row.place, [entry]);
  }
  return [...places];
}
