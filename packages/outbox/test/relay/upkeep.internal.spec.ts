import 'reflect-metadata';
import { Publisher } from '@acme/nest-message-context';
import { expect, it, vi } from 'vitest';
import type { OutboxOperations, OutboxStore } from '../../src/contracts/outbox-store.js';
import { Upkeep } from '../../src/relay/upkeep.js';
import { relayOf, storeOf, withoutTimeAndLog } from '../support/relay-parts.internal.js';

const MINUTE = 60_000;

function upkeepOf(retentionMs: number | undefined, purges: number[] = []) {
  const heal = vi.fn<OutboxStore['heal']>(async () => {});
  const purge = vi.fn<OutboxOperations['purge']>(async () => purges.shift() ?? 0);
  const purged: number[] = [];
  const store = { heal, operations: { purge } } as unknown as OutboxStore;
  const upkeep = new Upkeep(store, { retentionMs }, (count) => purged.push(count));
  return { upkeep, heal, purge, purged };
}

withoutTimeAndLog();

it('is left to the relay that holds the first lane', async () => {
  const { upkeep, heal, purge } = upkeepOf(1_000);
  await vi.advanceTimersByTimeAsync(2 * MINUTE);
  expect(await upkeep.step(false)).toBe(Infinity);
  expect([heal, purge].map(({ mock }) => mock.calls.length)).toEqual([0, 0]);
  expect(await upkeep.step(true)).toBe(MINUTE);
  expect([heal, purge].map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
});

it('is done once a minute, and purges nothing where nothing is kept', async () => {
  const { upkeep, heal, purge } = upkeepOf(undefined);
  expect(await upkeep.step(true)).toBe(MINUTE);
  for (let n = 1; n <= 3; n += 1) {
    await vi.advanceTimersByTimeAsync(MINUTE - 1);
    expect(await upkeep.step(true)).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    await upkeep.step(true);
    expect(heal).toHaveBeenCalledTimes(n);
  }
  expect(purge).not.toHaveBeenCalled();
});

it('purges without a pause while there is more than one statement takes', async () => {
  const { upkeep, purge, purged } = upkeepOf(1_000, [5_000, 5_000, 4_999]);
  expect(await upkeep.step(true)).toBe(0);
  expect(await upkeep.step(true)).toBe(0);
  expect(await upkeep.step(true)).toBe(MINUTE);
  expect(purge).toHaveBeenLastCalledWith(1_000, 5_000);
  expect(purged).toEqual([5_000, 5_000, 4_999]);
});

it.each([
  [0, 2],
  [1, 0],
])('a relay that holds lane %i of two heals %i times in two minutes', async (lane, times) => {
  class UnusedPublisher extends Publisher {
    publish = () => Promise.resolve([]);
  }
  const { heal } = upkeepOf(undefined);
  const store = storeOf([], {
    ...{ lanes: 2, heal },
    tend: async (_relay, held) => ({ relays: 2, renewed: held.map((one) => one.lane) }),
    claim: async () => [{ lane, token: 1, takenOver: false }],
  });
  const relay = relayOf(store, new UnusedPublisher());
  relay.start();
  await vi.advanceTimersByTimeAsync(2 * MINUTE + 1_000);
  expect(heal).toHaveBeenCalledTimes(times);
  const stopping = relay.stop();
  await vi.advanceTimersByTimeAsync(1_000);
  await stopping;
});
