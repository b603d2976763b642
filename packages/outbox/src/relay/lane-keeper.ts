import { randomUUID } from 'node:crypto';
import type { HeldLane, OutboxStore } from '../contracts/outbox-store.js';
import { fairShare } from '../core/lane.js';

interface Lease {
  readonly token: number;
  /** By this process's monotonic clock, counted from before the database was asked: never later than the database's. */
  until: number;
}

/** What changed in the lanes that this relay holds. */
export interface LaneChange {
  readonly gained: readonly number[];
  /** Of those, how many belonged to a relay that has died. */
  readonly takenOver: number;
  readonly lost: readonly number[];
}

/** The lanes of one relay: takes its fair share, renews in time, hands over what it holds too much. */
export class LaneKeeper {
  readonly id = randomUUID();
  readonly #held = new Map<number, Lease>();
  readonly #leaving = new Set<number>();
  #dueAt = 0;

  constructor(
    private readonly store: OutboxStore,
    private readonly leaseMs: number,
  ) {}

  /** When `tend` is to be called next. */
  get dueAt(): number {
    return this.#dueAt;
  }

  /** Lanes that are to be given up once nothing of theirs is under way. */
  get leaving(): ReadonlySet<number> {
    return this.#leaving;
  }

  /** Lanes that may be read and published now. */
  usable(now: number): number[] {
    return [...this.#held.keys()].filter((lane) => this.mayPublish(lane, now));
  }

  mayPublish(lane: number, now: number): boolean {
    const lease = this.#held.get(lane);
    return lease !== undefined && lease.until > now && !this.#leaving.has(lane);
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
    this.#dueAt = 0;
  }

  /** Renews, counts the other relays, and takes or gives up lanes accordingly. */
  async tend(now: number, takeMore: boolean): Promise<LaneChange> {
    const { relays, renewed } = await this.store.tend(this.id, this.proofs(), this.leaseMs);
    const lost = [...this.#held.keys()].filter((lane) => !renewed.includes(lane));
    for (const lane of lost) this.#forget(lane);
    for (const lane of renewed) this.#renew(lane, now);
    const share = fairShare(this.store.lanes, relays);
    const gained = takeMore ? await this.#claim(share - this.#held.size, now) : [];
    this.#giveUp(this.#held.size - this.#leaving.size - share);
    // Whoever lacks lanes looks often: they are a dead relay's, or one is about to hand them over.
    const pause = this.#held.size < share ? this.leaseMs / 10 : this.leaseMs / 3;
    this.#dueAt = now + pause;
    return {
      gained: gained.map(({ lane }) => lane),
      takenOver: gained.filter(({ takenOver }) => takenOver).length,
      lost,
    };
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
    this.#dueAt = 0;
  }

  async #claim(missing: number, now: number) {
    if (missing <= 0) return [];
    const claimed = await this.store.claim(this.id, missing, this.leaseMs);
    for (const { lane, token } of claimed) {
      this.#held.set(lane, { token, until: now + this.leaseMs });
    }
    return claimed;
  }

  #giveUp(tooMany: number): void {
    const candidates = [...this.#held.keys()].filter((lane) => !this.#leaving.has(lane));
    for (const lane of candidates.slice(0, Math.max(0, tooMany))) this.#leaving.add(lane);
  }

  #renew(lane: number, now: number): void {
    const lease = this.#held.get(lane);
    if (lease) lease.until = now + this.leaseMs;
  }

  #forget(lane: number): void {
    this.#held.delete(lane);
    this.#leaving.delete(lane);
  }
}
