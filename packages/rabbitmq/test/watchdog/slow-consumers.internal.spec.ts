import { describe, expect, it, vi } from 'vitest';
import type { QueueLoad } from '../../src/consumers/queue-loads.js';
import type { Slowness } from '../../src/core/slow-consumer.js';
import { SlowConsumers } from '../../src/watchdog/slow-consumers.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

const FULL: QueueLoad = { attached: 1, inFlight: 4, prefetch: 4, settled: 0, oldestSince: 0 };

function setUp() {
  const warn = vi.fn<(text: string) => void>();
  const tell = vi.fn<(queue: string, slowness: Slowness) => void>();
  const loads = new Map<string, QueueLoad>();
  const slow = new SlowConsumers({ loads: () => loads, tell, log: { warn } });
  let now = 0;
  loads.set('orders', { ...FULL });
  const tick = (): void => {
    slow.look(now);
    now += SECOND;
  };
  /** So many seconds in which so many are settled, each second. */
  const pass = (seconds: number, perSecond: number): void => {
    for (let second = 0; second < seconds; second += 1) {
      tick();
      loads.get('orders')!.settled += perSecond;
    }
  };
  const slowDown = (): void => {
    for (const perSecond of [40, 20, 10]) pass(20, perSecond);
    pass(1, 10);
  };
  return { warn, tell, loads, tick, pass, slowDown };
}

describe('slow consumers', () => {
  it('are named with the advice, and told', () => {
    const { warn, tell, slowDown } = setUp();
    slowDown();
    expect(warn.mock.calls.flat()).toEqual([
      expect.stringMatching(
        /"orders" is slow: .*4 message\(s\).*takes 0\.4 s instead of 0\.1 s.*more instances.*larger prefetch helps only where/,
      ),
    ]);
    expect(tell).toHaveBeenCalledExactlyOnceWith('orders', {
      prefetch: 4,
      beforeMs: 100,
      nowMs: 400,
    });
  });

  it('are not named again within a quarter of an hour', () => {
    const { warn, pass, slowDown } = setUp();
    slowDown();
    pass(60, 40);
    slowDown();
    expect(warn).toHaveBeenCalledTimes(1);
    pass((15 * MINUTE) / SECOND, 40);
    slowDown();
    expect(warn).toHaveBeenCalledTimes(2);
  });

  const full = (settled: number): QueueLoad => ({ ...FULL, settled });
  it.each<[what: string, meanwhile: QueueLoad | undefined, after: QueueLoad]>([
    ['it had room for more meanwhile', { ...full(400), inFlight: 3 }, full(400)],
    ['it was not consumed meanwhile', undefined, full(400)],
    ['its consumer was started again', full(0), full(0)],
  ])('are looked at anew when %s', (_what, meanwhile, after) => {
    const { warn, loads, pass, tick } = setUp();
    pass(10, 40);
    if (meanwhile) loads.set('orders', meanwhile);
    else loads.delete('orders');
    tick();
    loads.set('orders', { ...after });
    pass(9, 40);
    pass(20, 10);
    pass(21, 5);
    expect(warn).not.toHaveBeenCalled();
  });
});
