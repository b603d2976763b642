import 'reflect-metadata';
import { Publisher, type PublishOutcome } from '@acme/nest-message-context';
import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { OutboxStore, StoredMessage } from '../../src/contracts/outbox-store.js';
import { OutboxRelay } from '../../src/relay/outbox-relay.js';

const message: StoredMessage = {
  place: 'pending',
  seq: 1,
  lane: 0,
  block: '#1',
  messageId: 'm1',
  type: 'a',
  key: null,
  exchange: null,
  routingKey: null,
  contentType: null,
  headers: null,
  occurredAt: 0,
  payload: '1',
  attempts: 0,
  tries: 0,
  history: [],
};

class LatePublisher extends Publisher {
  answer = (_outcomes: PublishOutcome[]): void => {};
  publish = (): Promise<PublishOutcome[]> => new Promise((done) => (this.answer = done));
}

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

it.each(['before', 'while'])(
  'a relay whose time to stop is over asks nothing of the database any more (an answer came %s it was)',
  async (when) => {
    const remove = vi.fn<OutboxStore['remove']>(() => Promise.reject(new Error('pool has ended')));
    const store = {
      lanes: 1,
      tend: async (_relay, held) => ({ relays: 1, renewed: held.map(({ lane }) => lane) }),
      claim: async () => [{ lane: 0, token: 1, takenOver: false }],
      leave: async () => {},
      readBlocks: async () => [],
      readWaiting: async () => ({ messages: [], empty: [] }),
      readPending: async (_lanes, except) => (except.includes(1) ? [] : [message]),
      remove,
    } satisfies Partial<OutboxStore>;
    const publisher = new LatePublisher();
    const relay = new OutboxRelay(store as Partial<OutboxStore> as OutboxStore, publisher, {
      batchSize: 10,
      window: 10,
      pollIntervalMs: 100,
      leaseMs: 9_000,
      stopTimeoutMs: 1_000,
      retry: { attempts: 1, initialMs: 1, maxMs: 1 },
    });
    relay.start();
    await vi.advanceTimersByTimeAsync(10);
    if (when === 'while') publisher.answer([{ status: 'confirmed' }]);
    const stopping = relay.stop();
    await vi.advanceTimersByTimeAsync(1_000);
    await stopping;
    const asked = remove.mock.calls.length;
    publisher.answer([{ status: 'confirmed' }]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(remove).toHaveBeenCalledTimes(asked);
    expect(vi.getTimerCount()).toBe(0);
  },
);
