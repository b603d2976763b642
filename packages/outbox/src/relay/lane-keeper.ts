import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { HeldLane, OutboxStore } from '../contracts/outbox-store.js';
import { elapsedMs, type Instant } from '../core/instant.js';
import { fairShare } from '../core/lane.js';

interface Lease {
  readonly token: number;
  /** From before the database was asked, so that the lease never ends later here than there. */
  since: Instant;
  /** Whether messages may be read and published. */
  isOpen: boolean;
}

/** What changed in the lanes that this relay holds. */
export interface LaneChange {
  /** Those of the gained ones that belonged to a relay that has died. */
  readonly takenOver: readonly number[];
  readonly lost: readonly number[];
}

/** The lanes of one relay: takes its fair share, renews in time, hands over what it holds too much. */
export class LaneKeeper {
  /** Says also where it runs, for whoever looks into the tables. */
  readonly id = `${hostname().slice(0, 100)}:${process.pid}:${randomUUID()}`;
  readonly #held = new Map<number, Lease>();
  readonly #leaving = new Set<number>();
  #tended: { readonly at: Instant; readonly pauseMs: number } | undefined;

  constructor(
    private readonly store: OutboxStore,
    private readonly leaseMs: number,
    private readonly clock: () => Instant = thisInstant,
  ) {}

  /** In how many milliseconds `tend` is to be called next; 0 or less when it is due. */
  get dueInMs(): number {
    return this.#tended ? this.#tended.pauseMs - elapsedMs(this.#tended.at, this.clock()) : 0;
  }

  /** Lanes that were gained and are not usable yet: `open` them. */
  get unopened(): number[] {
    return [...this.#held].filter(([, { isOpen }]) => !isOpen).map(([lane]) => lane);
  }

  /** Lanes that are to be given up once nothing of theirs is under way. */
  get leaving(): ReadonlySet<number> {
    return this.#leaving;
  }

  /** Lanes that may be read and published now. */
  usable(): number[] {
    return [...this.#held.keys()].filter((lane) => this.mayPublish(lane));
  }

  mayPublish(lane: number): boolean {
    return this.#held.get(lane)?.isOpen === true && this.mayTry(lane);
  }

  /** The same for a lane that is not open. */
  mayTry(lane: number): boolean {
    const lease = this.#held.get(lane);
    if (!lease || this.#leaving.has(lane)) return false;
    return elapsedMs(lease.since, this.clock()) < this.leaseMs;
  }

  /** It is known now which keys of these lanes wait, and that no message of theirs is suspected. */
  open(lanes: readonly number[]): void {
    for (const lane of lanes) {
      const lease = this.#held.get(lane);
      if (lease) lease.isOpen = true;
    }
  }

  holds(lane: number): boolean {
    return this.#held.has(lane);
  }

  /** For the database, which decides whether they still are. */
  proofs(): HeldLane[] {
    return [...this.#held].map(([lane, { token }]) => ({ lane, token }));
  }

  /** A statement has shown that something is lost. */
  suspect(): void {
    this.#tended = undefined;
  }

  /**
   * Renews, counts the other relays, and takes or gives up lanes accordingly. An answer that comes too late changes nothing
   * any more: what a later call has found would be undone by it.
   */
  async tend(takeMore: boolean): Promise<LaneChange> {
    const now = this.clock();
    const { relays, renewed } = await this.store.tend(this.id, this.proofs(), this.leaseMs);
    const lost = [...this.#held.keys()].filter((lane) => !renewed.includes(lane));
    for (const lane of lost) this.#forget(lane);
    for (const lane of renewed) this.#renew(lane, now);
    const share = fairShare(this.store.lanes, relays);
    const missing = takeMore ? share - this.#held.size : 0;
    const takenOver = missing > 0 ? await this.#claim(missing) : [];
    this.#giveUp(this.#held.size - this.#leaving.size - share);
    // Whoever lacks lanes looks often: they are a dead relay's, or one is about to hand them over.
    const pauseMs = this.#held.size < share ? this.leaseMs / 10 : this.leaseMs / 3;
    this.#tended = { at: now, pauseMs };
    return { takenOver, lost };
  }

  async release(lanes: readonly number[]): Promise<void> {
    const proofs = this.proofs().filter(({ lane }) => lanes.includes(lane));
    await this.store.release(proofs);
    for (const lane of lanes) this.#forget(lane);
  }

  async leave(): Promise<void> {
    await this.store.leave(this.id);
    this.#held.clear();
    this.#leaving.clear();
    this.#tended = undefined;
  }

  async #claim(limit: number): Promise<number[]> {
    const since = this.clock();
    const claimed = await this.store.claim(this.id, this.proofs(), limit, this.leaseMs);
    for (const { lane, token } of claimed) this.#held.set(lane, { token, since, isOpen: false });
    return claimed.filter(({ takenOver }) => takenOver).map(({ lane }) => lane);
  }

  #giveUp(tooMany: number): void {
    const candidates = [...this.#held.keys()].filter((lane) => !this.#leaving.has(lane));
    for (const lane of candidates.slice(0, Math.max(0, tooMany))) this.#leaving.add(lane);
  }

  #renew(lane: number, since: Instant): void {
    const lease = this.#held.get(lane);
    if (lease) lease.since = since;
  }

  #forget(lane: number): void {
    this.#held.delete(lane);
    this.#leaving.delete(lane);
  }
}

function thisInstant(): Instant {
  return { monotonicMs: performance.now(), wallMs: Date.now() };
}
