import 'reflect-metadata';
import { Publisher } from '@acme/nest-message-context';
import { afterEach, expect, it, vi } from 'vitest';
import type { OutboxStore } from '../src/contracts/outbox-store.js';
import { relayOf } from './support/relay-parts.internal.js';

class NullPublisher extends Publisher {
  publish = async () => [];
}

afterEach(() => vi.useRealTimers());

it('an idle relay looks ever more rarely, up to pollInterval, and at once when it is woken', async () => {
  vi.useFakeTimers();
  const readPending = vi.fn<() => Promise<never[]>>(async () => []);
  const store = {
    lanes: 1,
    tend: async () => ({ relays: 1, renewed: [0] }),
    claim: async () => [{ lane: 0, token: 1, takenOver: false }],
    leave: async () => {},
    readBlocks: async () => [],
    readWaiting: async () => ({ messages: [], empty: [] }),
    readPending,
  } as unknown as OutboxStore;
  const relay = relayOf(store, new NullPublisher(), {
    pollIntervalMs: 60_000,
    leaseMs: 3_600_000,
  });
  relay.start();
  await vi.advanceTimersByTimeAsync(10 * 60_000);
  const idle = readPending.mock.calls.length;
  await vi.advanceTimersByTimeAsync(10 * 60_000);
  expect(Math.abs(readPending.mock.calls.length - idle - 10)).toBeLessThanOrEqual(1);

  const before = readPending.mock.calls.length;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(readPending).toHaveBeenCalledTimes(before);
  relay.wake();
  await vi.advanceTimersByTimeAsync(0);
  expect(readPending).toHaveBeenCalledTimes(before + 1);
  await relay.stop();
});
