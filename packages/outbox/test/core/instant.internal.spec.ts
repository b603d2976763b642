import { describe, expect, it } from 'vitest';
import { elapsedMs } from '../../src/core/instant.js';

describe('elapsedMs', () => {
  it.each([
    ['nothing happens', 0, 0, 0],
    ['both clocks go on', 4_000, 4_000, 4_000],
    ['the wall clock ticks in whole milliseconds', 0.4, 1, 1],
    ['the machine was suspended', 20, 60_020, 60_020],
    ['the wall clock is set forward a little', 4_000, 4_120, 4_120],
    ['the wall clock is set back a little', 4_000, 3_880, 4_000],
    ['the wall clock is set back a lot', 4_000, -3_600_000, 4_000],
  ])('when %s', (_what, monotonic, wall, elapsed) => {
    const since = { monotonicMs: 500, wallMs: 1_700_000_000_000 };
    const now = { monotonicMs: 500 + monotonic, wallMs: since.wallMs + wall };
    expect(elapsedMs(since, now)).toBeCloseTo(elapsed, 6);
  });
});
