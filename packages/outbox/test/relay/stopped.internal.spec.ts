import 'reflect-metadata';
import { Publisher, type PublishOutcome } from '@acme/nest-message-context';
import { expect, it, vi } from 'vitest';
import type { OutboxStore } from '../../src/contracts/outbox-store.js';
import type { OutboxRelay } from '../../src/relay/outbox-relay.js';
import { relayOf, stored, storeOf, withoutTimeAndLog } from '../support/relay-parts.internal.js';

class LatePublisher extends Publisher {
  answer = (_outcomes: PublishOutcome[]): void => {};
  publish = (): Promise<PublishOutcome[]> => new Promise((done) => (this.answer = done));
}

withoutTimeAndLog();

it.each(['before', 'while'])(
  'a relay whose time to stop is over asks nothing of the database any more (an answer came %s it was)',
  async (when) => {
    const remove = vi.fn<OutboxStore['remove']>(() => Promise.reject(new Error('pool has ended')));
    const store = storeOf([stored(1)], { remove });
    const publisher = new LatePublisher();
    const relay = relayOf(store, publisher);
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

async function expectToStopInTime(relay: OutboxRelay): Promise<void> {
  relay.start();
  await vi.advanceTimersByTimeAsync(10);
  let hasStopped = false;
  const stopping = relay.stop().then(() => (hasStopped = true));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(hasStopped).toBe(true);
  await stopping;
}

const never = (): Promise<never> => new Promise(() => {});

it.each<keyof OutboxStore>(['tend', 'readBlocks', 'readPending', 'promote'])(
  'a database that hangs in %s() does not hold up a relay that has to stop',
  async (statement) => {
    const leave = vi.fn<OutboxStore['leave']>(async () => {});
    const store = storeOf([stored(1)], { [statement]: never, leave });
    const relay = relayOf(store, new LatePublisher(), { leaseMs: 60_000 });
    relay.start();
    await vi.advanceTimersByTimeAsync(10);
    const stopping = relay.stop();
    await vi.advanceTimersByTimeAsync(1_000);
    await stopping;
    expect(leave).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  },
);

it('a relay that is done just before its time is over still gives its lanes back', async () => {
  const leave = () => new Promise<void>((done) => setTimeout(done, 80));
  const publisher = new LatePublisher();
  const relay = relayOf(storeOf([stored(1)], { leave }), publisher);
  const run = relay.runOnce();
  await vi.advanceTimersByTimeAsync(100);
  const stopping = relay.stop();
  await vi.advanceTimersByTimeAsync(800);
  publisher.answer([{ status: 'confirmed' }]);
  await vi.advanceTimersByTimeAsync(200);
  await stopping;
  await expect(run).resolves.toMatchObject({ published: 1 });
});

it.each(['leave', 'purge'])('nor does one that hangs in %s()', async (statement) => {
  const operations = { purge: statement === 'purge' ? never : async () => 0 };
  const store = storeOf([], {
    leave: statement === 'leave' ? never : async () => {},
    operations: operations as unknown as OutboxStore['operations'],
  });
  const relay = relayOf(store, new LatePublisher(), { leaseMs: 60_000, retentionMs: 1_000 });
  await expectToStopInTime(relay);
  expect(vi.getTimerCount()).toBe(0);
});

it('nor does one that hangs in everything', async () => {
  const store = storeOf([stored(1)], { readPending: never, leave: never });
  const relay = relayOf(store, new LatePublisher(), { leaseMs: 60_000 });
  await expectToStopInTime(relay);
});
