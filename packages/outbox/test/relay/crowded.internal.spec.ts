import 'reflect-metadata';
import { Publisher } from '@acme/nest-message-context';
import { describe, expect, it, vi } from 'vitest';
import type { StoredMessage } from '../../src/contracts/messages.js';
import type { OutboxStore } from '../../src/contracts/outbox-store.js';
import { suspectsOf } from '../../src/relay/suspects.js';
import { relayOf, stored, storeOf, withoutTimeAndLog } from '../support/relay-parts.internal.js';

class HangingPublisher extends Publisher {
  publish = () => new Promise<never>(() => {});
}

const ofKey = (key: string, from: number, count: number): StoredMessage[] =>
  Array.from({ length: count }, (_, n) => stored(from + n, { key, block: `=${key}` }));

describe('a key with more messages than a relay reads ahead', () => {
  withoutTimeAndLog();

  it('is read around, a tenth of the time at most while that finds nothing', async () => {
    const rows = ofKey('hot', 1, 40);
    const asked: (readonly string[])[] = [];
    const readPending = vi.fn<OutboxStore['readPending']>(
      async (_lanes, except, limit, { exceptKeys = [] } = {}) => {
        asked.push(exceptKeys);
        if (exceptKeys.length > 0) await new Promise((done) => setTimeout(done, 100));
        return rows
          .filter(({ seq, key }) => !except.includes(seq) && !exceptKeys.includes(key ?? ''))
          .slice(0, limit);
      },
    );
    const relay = relayOf(storeOf([], { readPending }), new HangingPublisher());
    relay.start();
    await vi.advanceTimersByTimeAsync(900);
    expect(asked).toEqual([[], ['hot']]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(asked.length).toBeGreaterThanOrEqual(10);
    expect(asked.length).toBeLessThanOrEqual(13);
    const stopping = relay.stop();
    await vi.advanceTimersByTimeAsync(2_000);
    await stopping;
  });
});

it('what a relay read behind such keys is suspected as well when it dies', async () => {
  const settings = { window: 10, batchSize: 10 };
  const rows = [...ofKey('hot', 1, 100), ...ofKey('warm', 101, 100), stored(201), stored(202)];
  const store: Partial<OutboxStore> = {
    pendingEntries: async (_lanes, limit, exceptKeys = []) =>
      rows.filter(({ key }) => !exceptKeys.includes(key ?? '')).slice(0, limit),
    waitingEntries: async () => [],
  };
  const found = await suspectsOf([0], store as OutboxStore, settings);
  expect(found).toHaveLength(30);
  expect(found.slice(-2).map(({ seq }) => seq)).toEqual([201, 202]);
  expect(found.filter(({ block }) => block === '=hot').map(({ seq }) => seq)).toEqual(
    Array.from({ length: 14 }, (_, n) => 1 + n),
  );
});
