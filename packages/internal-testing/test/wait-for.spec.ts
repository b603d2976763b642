import { waitFor } from '@acme/internal-testing';
import { afterEach, expect, test, vi } from 'vitest';

afterEach(() => {
  vi.useRealTimers();
});

test('it resolves with the first truthy value', async () => {
  let looks = 0;
  const value = await waitFor(() => (++looks < 3 ? undefined : { looks }), { intervalMs: 1 });
  expect(value).toEqual({ looks: 3 });
});

test('a rejection means not yet', async () => {
  let looks = 0;
  const value = await waitFor(
    async () => {
      if (++looks < 3) throw new Error('not there');
      return 'there';
    },
    { intervalMs: 1 },
  );
  expect(value).toBe('there');
});

test('the error names what was waited for and the last value', async () => {
  const waiting = waitFor(() => false, { deadlineMs: 30, intervalMs: 5, what: 'two messages' });
  await expect(waiting).rejects.toMatchObject({
    code: 'WAIT_TIMEOUT',
    message: 'Waited 30 ms for two messages; last value: false',
  });
});

test('the error carries the last error', async () => {
  const cause = new Error('connection refused');
  const waiting = waitFor(() => Promise.reject(cause), { deadlineMs: 30, intervalMs: 5 });
  await expect(waiting).rejects.toMatchObject({ code: 'WAIT_TIMEOUT', cause });
});

test('a condition that never answers does not outlive the deadline', async () => {
  const waiting = waitFor(() => new Promise<boolean>(() => {}), { deadlineMs: 30 });
  await expect(waiting).rejects.toThrow('it never answered');
});

test('it works while the spec fakes timers', async () => {
  vi.useFakeTimers();
  let looks = 0;
  await expect(waitFor(() => ++looks > 3)).resolves.toBe(true);
});
