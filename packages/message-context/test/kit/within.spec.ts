import { atMost, within } from '@acme/nest-message-context/kit';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const late = () => new Error('too late');
const never = new Promise<never>(() => {});

it('gives what comes in time, and leaves no timer', async () => {
  await expect(within(100, Promise.resolve(1), late)).resolves.toBe(1);
  await expect(within(100, Promise.reject(new Error('own')), late)).rejects.toThrow('own');
  expect(vi.getTimerCount()).toBe(0);
});

it('fails with the error that was given when the time is up', async () => {
  const failed = within(100, never, late).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(100);
  await expect(failed).resolves.toMatchObject({ message: 'too late' });
});

it('goes on without what does not come', async () => {
  const waited = atMost(100, never);
  await vi.advanceTimersByTimeAsync(100);
  await expect(waited).resolves.toBeUndefined();
  expect(vi.getTimerCount()).toBe(0);
});
