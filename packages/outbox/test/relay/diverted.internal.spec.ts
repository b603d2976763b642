import 'reflect-metadata';
import { Publisher } from '@acme/nest-message-context';
import { expect, it, vi } from 'vitest';
import { relayOf, stored, storeOf, withoutTimeAndLog } from '../support/relay-parts.internal.js';

class UnusedPublisher extends Publisher {
  publish = (): never => {
    throw new Error('Nothing is to be published.');
  };
}

withoutTimeAndLog();

it('a long backlog of a key that waits moves in parts, and is never all in memory, however slow the database', async () => {
  let rows = Array.from({ length: 1_000 }, (_, n) => stored(n + 1, { key: 'k', block: '=k' }));
  const parts: number[] = [];
  let inMemory = 0;
  const store = storeOf([], {
    readBlocks: async () => [{ block: '=k', lane: 0 }],
    readPending: async (_lanes, except, limit) => {
      inMemory = Math.max(inMemory, except.length);
      return rows.filter(({ seq }) => !except.includes(seq)).slice(0, limit);
    },
    divert: async (some) => {
      parts.push(some.length);
      await new Promise((done) => setTimeout(done, 10 * some.length));
      const seqs = new Set(some.map(({ seq }) => seq));
      rows = rows.filter(({ seq }) => !seqs.has(seq));
    },
  });
  const relay = relayOf(store, new UnusedPublisher(), { pollIntervalMs: 60_000 });
  relay.start();
  await vi.advanceTimersByTimeAsync(30_000);
  expect(rows).toEqual([]);
  expect(inMemory).toBeLessThanOrEqual(50);
  expect(Math.max(...parts)).toBeLessThanOrEqual(50);
  const stopping = relay.stop();
  await vi.advanceTimersByTimeAsync(1_000);
  await stopping;
});
