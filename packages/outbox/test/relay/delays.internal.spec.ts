import { expect, it, vi } from 'vitest';
import type { OutboxStore, Promoted } from '../../src/contracts/outbox-store.js';
import { Delays } from '../../src/relay/delays.js';
import { withoutTimeAndLog } from '../support/relay-parts.internal.js';

const BATCH = 500;

function delaysOf(...answers: Partial<Promoted>[]) {
  const promote = vi.fn<OutboxStore['promote']>(async () => ({
    ...{ moved: 0, skipped: 0, nextInMs: undefined },
    ...answers.shift(),
  }));
  const rules = { strictOrder: true, sequence: false };
  const delays = new Delays({ promote } as unknown as OutboxStore, {
    ...{ batchSize: BATCH, pollIntervalMs: 1_000, rules },
  });
  return { delays, limits: () => promote.mock.calls.map(([limit]) => limit) };
}

withoutTimeAndLog();

it('what an open transaction holds up is passed by, however much there is in front of the others', async () => {
  const { delays, limits } = delaysOf({ skipped: 500 }, { skipped: 1_000 }, { skipped: 1_000, moved: 500 }); // prettier-ignore
  for (const then of [20, 20, 0, 1_000]) {
    expect(await delays.step()).toBe(then);
    expect(delays.isCaughtUp).toBe(then === 1_000);
    await vi.advanceTimersByTimeAsync(20);
  }
  expect(limits()).toEqual([500, 1_000, 1_500, 1_500]);
});

it('what is passed by is asked for again soon, and otherwise counts as if it were not there', async () => {
  const { delays, limits } = delaysOf({ skipped: 3, moved: 7, nextInMs: 400 }, { nextInMs: 5 });
  expect(await delays.step()).toBe(20);
  expect(delays.isCaughtUp).toBe(true);
  expect(await delays.step()).toBe(20);
  expect(limits()).toEqual([500]);
  await vi.advanceTimersByTimeAsync(20);
  expect(await delays.step()).toBe(6);
  await vi.advanceTimersByTimeAsync(6);
  await delays.step();
  expect(limits()).toEqual([500, 503, 500]);
});

it('no more than ten thousand are passed by, and nobody waits for those behind them', async () => {
  const { delays, limits } = delaysOf({ skipped: 500 }, { skipped: 1_000 }, { skipped: 10_000 }, { skipped: 10_000 }); // prettier-ignore
  for (let n = 0; n < 4; n += 1) {
    expect(await delays.step()).toBe(20);
    await vi.advanceTimersByTimeAsync(20);
  }
  expect(limits()).toEqual([500, 1_000, 1_500, 10_000]);
  expect(delays.isCaughtUp).toBe(true);
});

it('one that is due sooner than the next look brings that forward, a later one does not put it off', async () => {
  const { delays } = delaysOf({ nextInMs: 300 });
  expect(await delays.step()).toBe(301);
  delays.dueIn(900);
  expect(await delays.step()).toBe(301);
  delays.dueIn(100);
  expect(await delays.step()).toBe(100);
});
