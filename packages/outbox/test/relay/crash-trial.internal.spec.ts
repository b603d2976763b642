import 'reflect-metadata';
import { Publisher, type OutboundMessage, type PublishOutcome } from '@acme/nest-message-context';
import { describe, expect, it, vi } from 'vitest';
import type { StoredMessage } from '../../src/contracts/messages.js';
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

describe('what was tried and is not removed yet, and would be published twice if the process died now', () => {
  withoutTimeAndLog();

  const WINDOW = 4;
  const accepting = () => new ConfirmingPublisher();
  /** Lane 0 was a dead relay's, lane 1 is a new one; the database removes nothing until it is told to. */
  const setUp = (
    rows: readonly StoredMessage[],
    claimed: number[],
    { window = WINDOW, publisher = accepting() } = {},
  ) => {
    const removing: (() => void)[] = [];
    let left = [...rows];
    const store = storeOf(rows, {
      lanes: 2,
      claim: async () =>
        claimed.splice(0).map((lane) => ({ lane, token: 2, takenOver: lane === 0 })),
      pendingEntries: async (lanes) => left.filter(({ lane }) => lanes.includes(lane)),
      waitingEntries: async () => [],
      readPending: async (lanes, except) =>
        left.filter(({ lane, seq }) => lanes.includes(lane) && !except.includes(seq)),
      accuse: async () => 0,
      acquit: async () => {},
      readOne: async ({ seq }) => left.find((row) => row.seq === seq),
      remove: (_place, seqs) =>
        new Promise((done) => {
          removing.push(() => {
            left = left.filter(({ seq }) => !seqs.includes(seq));
            done(seqs.length);
          });
        }),
    });
    const relay = relayOf(store, publisher, { window, leaseMs: 9_000 });
    /** How many are published for what is removed. */
    const remove = async (): Promise<number> => {
      const before = publisher.published.length;
      for (const done of removing.splice(0)) done();
      await vi.advanceTimersByTimeAsync(200);
      return publisher.published.length - before;
    };
    return { relay, publisher, remove };
  };
  const ofLane = (lane: number, from: number, count: number): StoredMessage[] =>
    Array.from({ length: count }, (_, n) => stored(from + n, { lane }));

  it('is no more than a window', async () => {
    const { relay, publisher, remove } = setUp(ofLane(0, 1, 10), [0]);
    relay.start();
    await vi.advanceTimersByTimeAsync(200);
    expect(publisher.published).toHaveLength(WINDOW);
    await expect(remove()).resolves.toBe(WINDOW);
    await expect(remove()).resolves.toBe(2);
    await expect(remove()).resolves.toBe(0);
    await relay.stop();
  });

  it('is together with the other lanes no more than a window, of which the trial has its part until it ends', async () => {
    const claimed = [1];
    const { relay, publisher, remove } = setUp(
      [...ofLane(0, 101, 3), ...ofLane(1, 1, 40)],
      claimed,
    );
    relay.start();
    await vi.advanceTimersByTimeAsync(200);
    expect(publisher.published).toEqual(['m1', 'm2', 'm3', 'm4']);
    claimed.push(0);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(publisher.published).toHaveLength(WINDOW);
    await expect(remove()).resolves.toBe(WINDOW);
    expect(publisher.published.slice(WINDOW).toSorted()).toEqual(['m101', 'm102', 'm5', 'm6']);
    await expect(remove()).resolves.toBe(WINDOW);
    expect(publisher.published).toContain('m103');
    await expect(remove()).resolves.toBe(WINDOW);
    const stopping = relay.stop();
    await remove();
    await stopping;
  });

  it('leaves a place to the message that finds out whether the broker answers to others', async () => {
    class Picky extends ConfirmingPublisher {
      override async publish(messages: readonly OutboundMessage[]): Promise<PublishOutcome[]> {
        const outcomes = await super.publish(messages);
        return messages[0]?.messageId === 'm101'
          ? [{ status: 'unknown', error: new Error('no answer') }]
          : outcomes;
      }
    }
    const rows = [...ofLane(0, 101, 1), ...ofLane(1, 1, 1)];
    const publisher = new Picky();
    const { relay, remove } = setUp(rows, [0, 1], { window: 1, publisher });
    relay.start();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(publisher.published).toContain('m1');
    const stopping = relay.stop();
    await remove();
    await stopping;
  });
});
