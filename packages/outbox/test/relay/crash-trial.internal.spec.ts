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
