import 'reflect-metadata';
import { Publisher, type PublishOutcome } from '@acme/nest-message-context';
import { describe, expect, it, vi } from 'vitest';
import type { OutboxStore } from '../../src/contracts/outbox-store.js';
import {
  relayOf as relayWith,
  stored,
  withoutTimeAndLog,
} from '../support/relay-parts.internal.js';

class ConfirmingPublisher extends Publisher {
  publish = async (): Promise<PublishOutcome[]> => [{ status: 'confirmed' }];
}

class RefusingPublisher extends Publisher {
  publish = async (): Promise<PublishOutcome[]> => [{ status: 'rejected', error: new Error('no') }];
}

const relayOf = (store: Partial<OutboxStore>) =>
  relayWith(store, new ConfirmingPublisher(), { pollIntervalMs: POLL, leaseMs: 30_000 });

const POLL = 60_000;

describe('blocks that wait', () => {
  withoutTimeAndLog();

  /** Lane 0, lane 1, and in lane 1 a key that waits. */
  const storeWithBlock = () => {
    const readWaiting = vi.fn<OutboxStore['readWaiting']>(async () => ({
      messages: [],
      empty: [],
    }));
    const store = {
      lanes: 2,
      tend: async (_relay, held) => ({ relays: 1, renewed: held.map(({ lane }) => lane) }),
      claim: async (_relay, _held, limit) =>
        Array.from({ length: limit }, (_, lane) => ({ lane, token: 1, takenOver: false })),
      release: async () => {},
      leave: async () => {},
      readPending: async () => [],
      readBlocks: async () => [{ block: '=k', lane: 1 }],
      readWaiting,
    } satisfies Partial<OutboxStore>;
    return { store, readWaiting };
  };
  const looksIn = async (ms: number, readWaiting: { mock: { calls: unknown[] } }) => {
    const before = readWaiting.mock.calls.length;
    await vi.advanceTimersByTimeAsync(ms);
    return readWaiting.mock.calls.length - before;
  };

  it('are looked for once per renewal of the leases while nothing is due, however rarely the relay polls', async () => {
    const { store, readWaiting } = storeWithBlock();
    const relay = relayOf(store);
    relay.start();
    await vi.advanceTimersByTimeAsync(POLL);
    // A third of the lease, 30 s.
    expect(await looksIn(10 * POLL, readWaiting)).toBeLessThanOrEqual(61);
    expect(await looksIn(10 * POLL, readWaiting)).toBeGreaterThanOrEqual(59);
    await relay.stop();
  });

  it('end when a look finds that nothing of them is left', async () => {
    const { store, readWaiting } = storeWithBlock();
    readWaiting.mockResolvedValueOnce({ messages: [], empty: ['=k'] });
    const unblock = vi.fn<OutboxStore['unblock']>(async (blocks) => [...blocks]);
    const relay = relayOf({ ...store, unblock });
    relay.start();
    await vi.advanceTimersByTimeAsync(500);
    expect(unblock.mock.calls.map(([blocks]) => blocks)).toEqual([['=k']]);
    await relay.stop();
  });

  it('are looked at when the pause after a failure is over, long before the next poll', async () => {
    const { store, readWaiting } = storeWithBlock();
    const failing = stored(1, { place: 'waiting', lane: 1, block: '=k', key: 'k', attempts: 0 });
    readWaiting.mockResolvedValueOnce({ messages: [failing], empty: [] });
    const holdBack = vi.fn<OutboxStore['holdBack']>(async () => {});
    const relay = relayWith({ ...store, holdBack }, new RefusingPublisher(), {
      pollIntervalMs: POLL,
      leaseMs: 30_000,
      attempts: 2,
      backoffMs: 3_000,
    });
    relay.start();
    await vi.advanceTimersByTimeAsync(500);
    expect(holdBack).toHaveBeenCalledTimes(1);
    expect(await looksIn(1_000, readWaiting)).toBe(0);
    expect(await looksIn(2_000, readWaiting)).toBe(1);
    await relay.stop();
  });
});
