import { expect, it, vi } from 'vitest';
import type { WakeUps } from '../../src/contracts/wake-ups.js';
import { OutboxWakeUp } from '../../src/wakeup/outbox-wake-up.js';

it('tells others of what is due now and of nothing else, listens once, and tells what is left at the end', async () => {
  const close = vi.fn<() => Promise<void>>(async () => {});
  const wakeUps = {
    tell: vi.fn<WakeUps['tell']>(async () => {}),
    listen: vi.fn<WakeUps['listen']>(() => ({ close })),
  };
  const wake = vi.fn<(inMs?: number) => void>();
  const wakeUp = new OutboxWakeUp(wakeUps, wake, undefined);
  wakeUp.listen();
  wakeUp.listen();
  expect(wakeUps.listen).toHaveBeenCalledTimes(1);
  wakeUp.committed(5_000);
  expect(wake).toHaveBeenLastCalledWith(5_000);
  expect(wakeUps.tell).not.toHaveBeenCalled();
  wakeUp.committed();
  wakeUp.committed(-1);
  expect(wakeUps.tell).toHaveBeenCalledTimes(1);
  await wakeUp.close();
  expect(wakeUps.tell).toHaveBeenCalledTimes(2);
  expect(close).toHaveBeenCalledTimes(1);
});
