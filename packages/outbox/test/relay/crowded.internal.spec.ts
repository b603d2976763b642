import 'reflect-metadata';
import { Publisher, type OutboundMessage, type PublishOutcome } from '@acme/nest-message-context';
import { describe, expect, it, vi } from 'vitest';
import type { StoredMessage } from '../../src/contracts/messages.js';
import type { OutboxStore } from '../../src/contracts/outbox-store.js';
import { suspectsOf } from '../../src/relay/suspects.js';
import { relayOf, stored, storeOf, withoutTimeAndLog } from '../support/relay-parts.internal.js';

class SlowPublisher extends Publisher {
  readonly published: number[] = [];
  constructor(private readonly ms: number) {
    super();
  }
  async publish([one]: readonly OutboundMessage[]): Promise<PublishOutcome[]> {
    await new Promise((done) => setTimeout(done, this.ms));
    this.published.push(Number(one?.messageId?.slice(1)));
    return [{ status: 'confirmed' }];
  }
}

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

  const outbox = (rows: StoredMessage[], aroundMs: number) => {
    const around: number[] = [];
    const store = storeOf([], {
      readPending: async (_lanes, except, limit, { exceptKeys = [] } = {}) => {
        if (exceptKeys.length > 0) {
          around.push(performance.now());
          await new Promise((done) => setTimeout(done, aroundMs));
        }
        return rows
          .filter(({ seq, key }) => !except.includes(seq) && !exceptKeys.includes(key ?? ''))
          .slice(0, limit);
      },
      remove: async (_place, seqs) => {
        const gone = rows.filter(({ seq }) => seqs.includes(seq));
        for (const row of gone) rows.splice(rows.indexOf(row), 1);
        return gone.length;
      },
    });
    return { store, around };
  };

  it('goes on without a pause when most of what was read of it is out', async () => {
    const { store, around } = outbox(ofKey('hot', 1, 200), 100);
    const publisher = new SlowPublisher(20);
    const relay = relayOf(store, publisher, { window: 1_000, pollIntervalMs: 60_000 });
    relay.start();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(publisher.published).toEqual(Array.from({ length: 200 }, (_, n) => n + 1));
    expect(around.length).toBeGreaterThanOrEqual(3);
    expect(around.length).toBeLessThanOrEqual(6);
    await relay.stop();
  });

  it('nor does it pause because of another one that goes slower', async () => {
    const { store } = outbox([...ofKey('slow', 1, 20), ...ofKey('hot', 101, 100)], 100);
    const publisher = new SlowPublisher(20);
    const fast = publisher.publish.bind(publisher);
    publisher.publish = (messages) =>
      messages[0]?.messageId === 'm1' ? new Promise(() => {}) : fast(messages);
    const relay = relayOf(store, publisher, { window: 1_000, pollIntervalMs: 60_000 });
    relay.start();
    await vi.advanceTimersByTimeAsync(6_000);
    expect(publisher.published).toEqual(Array.from({ length: 100 }, (_, n) => n + 101));
    const stopping = relay.stop();
    await vi.advanceTimersByTimeAsync(2_000);
    await stopping;
  });

  it('is published to its end by runOnce()', async () => {
    const { store } = outbox(ofKey('hot', 1, 95), 100);
    const publisher = new SlowPublisher(1);
    const relay = relayOf(store, publisher, { pollIntervalMs: 60_000 });
    const run = relay.runOnce();
    await vi.advanceTimersByTimeAsync(30_000);
    await expect(run).resolves.toMatchObject({ published: 95 });
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

it('so is what it read behind several of them, each of which is little of what is looked at', async () => {
  const settings = { window: 20, batchSize: 10 };
  const hot = Array.from({ length: 1_000 }, (_, n) => {
    const key = `hot${n % 6}`;
    return stored(n + 1, { key, block: `=${key}` });
  });
  const rows = [...hot, stored(2_001)];
  const store: Partial<OutboxStore> = {
    pendingEntries: async (_lanes, limit, exceptKeys = []) =>
      rows.filter(({ key }) => !exceptKeys.includes(key ?? '')).slice(0, limit),
    waitingEntries: async () => [],
  };
  const found = await suspectsOf([0], store as OutboxStore, settings);
  expect(found.map(({ seq }) => seq)).toContain(2_001);
});

it('with the smallest batches nothing is suspected twice, and messages without a key are no crowd', async () => {
  const rows = Array.from({ length: 30 }, (_, n) => stored(1 + n));
  const pendingEntries = vi.fn<OutboxStore['pendingEntries']>(async (_lanes, limit) =>
    rows.slice(0, limit),
  );
  const store = { pendingEntries, waitingEntries: async () => [] } as unknown as OutboxStore;
  const found = await suspectsOf([0], store, { window: 4, batchSize: 1 });
  expect(found.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(pendingEntries).toHaveBeenCalledTimes(1);
});

it('of waiting keys, of which the store gives whole stretches, it suspects as many, the first of each before the second', async () => {
  const waiting = ['a', 'b', 'c'].flatMap((key, n) => ofKey(key, 1 + 100 * n, 100));
  const store: Partial<OutboxStore> = {
    pendingEntries: async () => [],
    waitingEntries: async () => waiting,
  };
  const found = await suspectsOf([0], store as OutboxStore, { window: 4, batchSize: 1 });
  expect(found.map(({ seq }) => seq)).toEqual([1, 2, 101, 102, 201, 202]);
});
