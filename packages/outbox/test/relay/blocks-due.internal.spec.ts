import { expect, it, vi } from 'vitest';
import { Blocks } from '../../src/relay/blocks.js';
import { withoutTimeAndLog } from '../support/relay-parts.internal.js';

withoutTimeAndLog();

it('a message without a key holds nobody up, so nothing is kept of it', () => {
  const blocks = new Blocks(1_000);
  blocks.add('#5', 0);
  blocks.add('=5', 0);
  expect([blocks.has('#5'), blocks.has('=5')]).toEqual([false, true]);
});

it('a retry is never looked for before its time, and at most 50 ms after it', async () => {
  const blocks = new Blocks(60_000);
  await vi.advanceTimersByTimeAsync(30);
  blocks.looked();
  for (const ms of [1, 30, 999, 5_000]) {
    blocks.dueIn(ms);
    const { dueInMs } = blocks;
    expect(dueInMs).toBeGreaterThanOrEqual(ms);
    expect(dueInMs).toBeLessThanOrEqual(ms + 50);
    await vi.advanceTimersByTimeAsync(dueInMs);
    blocks.looked();
    expect(blocks.dueInMs).toBe(60_000);
  }
});
