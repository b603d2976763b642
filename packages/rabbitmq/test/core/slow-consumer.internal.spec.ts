import { describe, expect, it } from 'vitest';
import { slownessOf, SLOW_WINDOW_MS, type LoadSample } from '../../src/core/slow-consumer.js';

const SECOND = 1_000;
const THIRD = SLOW_WINDOW_MS / 3;
const PREFETCH = 10;

/** A window in which so many messages were settled each second, in each third. */
function samplesOf(
  perSecond: readonly [number, number, number],
  { upTo = SLOW_WINDOW_MS, ...more }: Partial<LoadSample> & { readonly upTo?: number } = {},
): LoadSample[] {
  const samples: LoadSample[] = [];
  let settled = 0;
  for (let at = 0; at <= upTo; at += SECOND) {
    samples.push({ at, inFlight: PREFETCH, prefetch: PREFETCH, settled, ...more });
    settled += perSecond[Math.min(2, Math.floor(at / THIRD))] ?? 0;
  }
  return samples;
}

describe('a consumer is slow', () => {
  it('when all that its prefetch allows is in work, and that takes longer and longer', () => {
    expect(slownessOf(samplesOf([40, 20, 10]))).toEqual({
      prefetch: PREFETCH,
      beforeMs: 250,
      nowMs: 1_000,
    });
  });

  it('also when nothing is settled any more', () => {
    expect(slownessOf(samplesOf([40, 20, 0]))).toMatchObject({ beforeMs: 250, nowMs: 200_000 });
  });

  it.each<[what: string, samples: readonly LoadSample[]]>([
    ['nothing is known', []],
    ['the window is not over', samplesOf([40, 20, 10], { upTo: SLOW_WINDOW_MS - SECOND })],
    ['it takes long, but no longer than before', samplesOf([10, 10, 10])],
    ['it takes a little longer', samplesOf([40, 35, 30])],
    ['it was longer for a while', samplesOf([40, 10, 20])],
    ['it becomes faster', samplesOf([10, 20, 40])],
    ['it is still quick', samplesOf([4_000, 2_000, 1_000])],
    ['too few were settled to compare', samplesOf([0.9, 0.5, 0.1])],
    ['there is room for more', samplesOf([40, 20, 10], { inFlight: PREFETCH - 1 })],
    ['its prefetch is not limited', samplesOf([40, 20, 10], { prefetch: 0 })],
    ['its prefetch is not known', samplesOf([40, 20, 10], { prefetch: undefined })],
    [
      'a message less was in work once',
      samplesOf([40, 20, 10]).map((one, n) => (n === 30 ? { ...one, inFlight: 9 } : one)),
    ],
    [
      'its prefetch was changed',
      samplesOf([40, 20, 10]).map((one, n) =>
        n < 30 ? { ...one, inFlight: 20, prefetch: 20 } : one,
      ),
    ],
  ])('not when %s', (_what, samples) => {
    expect(slownessOf(samples)).toBeUndefined();
  });
});
