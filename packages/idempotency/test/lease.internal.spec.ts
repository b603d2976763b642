import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Lease } from '../src/core/lease.js';
import type { IdempotencyStore, LeaseState } from '../src/core/store.js';
import { nodeRuntime } from '../src/stage/node-runtime.js';

/** Answers when the test says so. */
class SlowStore {
  readonly answers: ((state: LeaseState) => void)[] = [];

  extend(): Promise<LeaseState> {
    return new Promise((done) => this.answers.push(done));
  }
}

describe('a lease of 30 ms, renewed every 10', () => {
  let store: SlowStore;
  let lost: number | undefined;
  let started: number;

  beforeEach(() => {
    vi.useFakeTimers();
    store = new SlowStore();
    lost = undefined;
    started = performance.now();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const begin = ({ claimedBefore = 0, maxLockHoldMs = 1_000 } = {}): Lease => {
    const since = started - claimedBefore;
    const onLost = (): void => void (lost = performance.now() - started);
    const parts = { id: 'id', token: 'token', lockTtlMs: 30, maxLockHoldMs, since, onLost };
    return new Lease(store as Partial<IdempotencyStore> as IdempotencyStore, parts, nodeRuntime);
  };

  it('asks for one renewal at a time, and for the next one when that has been answered', async () => {
    const lease = begin();
    await vi.advanceTimersByTimeAsync(30);
    expect(store.answers).toHaveLength(1);
    store.answers[0]!('held');
    await vi.advanceTimersByTimeAsync(10);
    expect(store.answers).toHaveLength(2);
    lease.end();
    await vi.advanceTimersByTimeAsync(100);
    expect([store.answers.length, lost]).toEqual([2, undefined]);
  });

  it('is not lost by a renewal that is answered after it has ended, as of what is settled', async () => {
    const lease = begin();
    const { signal } = lease;
    await vi.advanceTimersByTimeAsync(10);
    lease.end();
    store.answers[0]!('lost');
    await vi.advanceTimersByTimeAsync(100);
    expect([lost, signal.aborted]).toEqual([undefined, false]);
  });

  it('is lost as soon as a renewal says so', async () => {
    const lease = begin();
    const { signal } = lease;
    await vi.advanceTimersByTimeAsync(10);
    store.answers[0]!('lost');
    await vi.advanceTimersByTimeAsync(0);
    expect([lost, signal.aborted]).toEqual([10, true]);
    await vi.advanceTimersByTimeAsync(100);
    expect(store.answers).toHaveLength(1);
  });

  it('shows its loss to who asks for the signal only then', async () => {
    const lease = begin();
    await vi.advanceTimersByTimeAsync(10);
    store.answers[0]!('lost');
    await vi.advanceTimersByTimeAsync(0);
    expect(lease.signal.aborted).toBe(true);
    expect(lease.signal.reason).toMatchObject({ code: 'IDEMPOTENCY_LEASE_LOST' });
  });

  it('counts from before a renewal was asked for, not from its answer', async () => {
    begin();
    await vi.advanceTimersByTimeAsync(35);
    store.answers[0]!('held');
    await vi.advanceTimersByTimeAsync(100);
    // Asked for at 10, so it was good until 40; the beat after that sees it.
    expect(lost).toBe(50);
  });

  it('counts from before the claim, where none is answered', async () => {
    const { signal } = begin({ claimedBefore: 15 });
    await vi.advanceTimersByTimeAsync(19);
    expect([lost, signal.aborted]).toEqual([undefined, false]);
    await vi.advanceTimersByTimeAsync(1);
    expect([lost, signal.aborted]).toEqual([20, true]);
  });

  it('goes on for as long as it is renewed, and no longer than maxLockHold', async () => {
    begin({ maxLockHoldMs: 200 });
    store.extend = () => Promise.resolve('held');
    await vi.advanceTimersByTimeAsync(200);
    expect(lost).toBeUndefined();
    await vi.advanceTimersByTimeAsync(10);
    expect(lost).toBe(210);
  });
});
