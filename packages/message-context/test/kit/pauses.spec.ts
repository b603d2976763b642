import { Pauses } from '@acme/nest-message-context/kit';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('end in their time, or all at once, and none begins after that', async () => {
  const pauses = new Pauses();
  const ended: string[] = [];
  void pauses.wait(10).then(() => ended.push('short'));
  const long = pauses.wait(60_000).then(() => ended.push('long'));
  await vi.advanceTimersByTimeAsync(10);
  expect(ended).toEqual(['short']);
  pauses.release();
  await long;
  await pauses.wait(60_000);
  expect(pauses.areOver).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
});
