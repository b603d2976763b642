import 'reflect-metadata';
import { Publisher, type PublishOutcome } from '@acme/nest-message-context';
import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { OutboxStore } from '../../src/contracts/outbox-store.js';
import { OutboxRelay } from '../../src/relay/outbox-relay.js';

class ConfirmingPublisher extends Publisher {
  publish = async (): Promise<PublishOutcome[]> => [{ status: 'confirmed' }];
}

const relayOf = (store: Partial<OutboxStore>) =>
  new OutboxRelay(store as OutboxStore, new ConfirmingPublisher(), {
    batchSize: 10,
    window: 10,
    pollIntervalMs: 60_000,
    leaseMs: 30_000,
    stopTimeoutMs: 1_000,
    retry: { attempts: 1, initialMs: 1, maxMs: 1 },
  });

describe('blocks that wait', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    for (const level of ['log', 'warn', 'error'] as const) {
      vi.spyOn(Logger.prototype, level).mockImplementation(() => {});
    }
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  /** One lane with one block, whose time has not come. */
  const storeWithBlock = () => {
    let mine = false;
    const readWaiting = vi.fn<OutboxStore['readWaiting']>(async () => ({
      messages: [],
      empty: [],
    }));
    const store = {
      lanes: 2,
      tend: async (_relay, held) => ({
        relays: 1,
        renewed: held.map(({ lane }) => lane).filter((lane) => lane === 0 || mine),
      }),
      claim: async (_relay, limit) => {
        if (limit === 2) return [0, 1].map((lane) => ({ lane, token: 1, takenOver: false }));
        return [];
      },
      release: async () => {},
      leave: async () => {},
      readPending: async () => [],
      readBlocks: async () => [{ block: '=k', lane: 1 }],
      readWaiting,
    } satisfies Partial<OutboxStore>;
    return { store, readWaiting, keep: () => (mine = true) };
  };
  const looksPerMinute = async (readWaiting: { mock: { calls: unknown[] } }) => {
    const before = readWaiting.mock.calls.length;
    await vi.advanceTimersByTimeAsync(60_000);
    return readWaiting.mock.calls.length - before;
  };

  it('are looked at often while their lane is ours', async () => {
    const { store, readWaiting, keep } = storeWithBlock();
    keep();
    const relay = relayOf(store);
    relay.start();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await looksPerMinute(readWaiting)).toBeGreaterThan(250);
    await relay.stop();
  });

  it('are forgotten with their lane', async () => {
    const { store, readWaiting } = storeWithBlock();
    const relay = relayOf(store);
    relay.start();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await looksPerMinute(readWaiting)).toBeLessThanOrEqual(1);
    await relay.stop();
  });

  it('are looked for once per pollInterval where none is known', async () => {
    const { store, readWaiting, keep } = storeWithBlock();
    keep();
    const relay = relayOf({ ...store, readBlocks: async () => [] });
    relay.start();
    await vi.advanceTimersByTimeAsync(10 * 60_000);
    const before = readWaiting.mock.calls.length;
    await vi.advanceTimersByTimeAsync(10 * 60_000);
    const looks = readWaiting.mock.calls.length - before;
    expect(looks).toBeGreaterThanOrEqual(5);
    expect(looks).toBeLessThanOrEqual(11);
    await relay.stop();
  });
});
