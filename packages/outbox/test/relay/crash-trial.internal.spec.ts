import 'reflect-metadata';
import { Publisher, type OutboundMessage, type PublishOutcome } from '@acme/nest-message-context';
import { describe, expect, it, vi } from 'vitest';
import type { OutboxStore } from '../../src/contracts/outbox-store.js';
import { relayOf, stored, storeOf, withoutTimeAndLog } from '../support/relay-parts.internal.js';

/** Answers when it is told to. */
class HangingPublisher extends Publisher {
  readonly published: (string | undefined)[] = [];
  answer = (_outcome: PublishOutcome): void => {};
  publish([one]: readonly OutboundMessage[]): Promise<PublishOutcome[]> {
    this.published.push(one?.messageId);
    return new Promise((done) => (this.answer = (outcome) => done([outcome])));
  }
}

class ConfirmingPublisher extends Publisher {
  readonly published: (string | undefined)[] = [];
  async publish([one]: readonly OutboundMessage[]): Promise<PublishOutcome[]> {
    this.published.push(one?.messageId);
    return [{ status: 'confirmed' }];
  }
}

const LEASE = 9_000;

describe('while a suspected message is on its way to a broker that hangs', () => {
  withoutTimeAndLog();

  it('the lanes are renewed, no death counts against it, and the trial goes on when the broker answers', async () => {
    const rows = [stored(1), stored(2)];
    const calls: string[] = [];
    const tend = vi.fn<OutboxStore['tend']>(async (_relay, held) => ({
      relays: 1,
      renewed: held.map(({ lane }) => lane),
    }));
    const store = storeOf(rows, {
      tend,
      claim: async () => [{ lane: 0, token: 2, takenOver: true }],
      pendingEntries: async () => rows,
      waitingEntries: async () => [],
      accuse: async ({ messageId }) => {
        calls.push(`accuse ${messageId}`);
        return 0;
      },
      acquit: async () => void calls.push('acquit'),
      readOne: async ({ seq }) => rows.find((row) => row.seq === seq),
    });
    const publisher = new HangingPublisher();
    const relay = relayOf(store, publisher, { leaseMs: LEASE, pollIntervalMs: 60_000 });
    relay.start();
    await vi.advanceTimersByTimeAsync(100);
    expect(calls).toEqual(['accuse m1']);
    const tended = tend.mock.calls.length;
    await vi.advanceTimersByTimeAsync(3 * LEASE);
    expect(tend.mock.calls.length - tended).toBeGreaterThanOrEqual(8);
    expect(calls).toEqual(['accuse m1', 'acquit']);
    expect(publisher.published).toEqual(['m1']);

    publisher.answer({ status: 'confirmed' });
    await vi.advanceTimersByTimeAsync(100);
    expect(publisher.published).toEqual(['m1', 'm2']);
    publisher.answer({ status: 'confirmed' });
    await vi.advanceTimersByTimeAsync(500);
    expect(calls).toEqual(['accuse m1', 'acquit', 'accuse m2', 'acquit']);
    await relay.stop();
  });
});

describe('when the process has been suspended for longer than its lease', () => {
  withoutTimeAndLog();

  it('the trial goes on with the lanes that nobody has claimed meanwhile', async () => {
    const rows = [stored(1), stored(2)];
    const accused: number[] = [];
    const store = storeOf(rows, {
      claim: async () => [{ lane: 0, token: 2, takenOver: true }],
      pendingEntries: async () => rows,
      waitingEntries: async () => [],
      accuse: async ({ seq }) => {
        accused.push(seq);
        return 0;
      },
      acquit: async () => {},
      readOne: async ({ seq }) => {
        if (seq === 1) vi.setSystemTime(Date.now() + 2 * LEASE);
        return rows.find((row) => row.seq === seq);
      },
    });
    const publisher = new ConfirmingPublisher();
    const relay = relayOf(store, publisher, { leaseMs: LEASE });
    relay.start();
    await vi.advanceTimersByTimeAsync(500);
    expect(publisher.published).toEqual(['m1', 'm2']);
    expect(accused).toEqual([1, 2]);
    const stopping = relay.stop();
    await vi.advanceTimersByTimeAsync(1_000);
    await stopping;
  });
});
