import { backoffMs, parseDuration } from '@acme/nest-message-context/kit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

describe('backoffMs', () => {
  const backoff = { initialMs: 1_000, maxMs: 300_000 };
  it.each([
    [1, 0, 500],
    [1, 0.999, 1_000],
    [2, 0, 1_000],
    [9, 0, 128_000],
    [10, 0, 150_000],
    [5_000, 0, 150_000],
  ])('after %i tries, with %d of chance, is %i', (tries, random, ms) => {
    expect(backoffMs(tries, backoff, random)).toBe(ms);
  });

  it('is never more than the cap, never less than half of what is due', () => {
    const chance = fc.double({ min: 0, max: 0.999_999, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), chance, (tries, random) => {
        const ms = backoffMs(tries, backoff, random);
        expect(ms).toBeLessThanOrEqual(300_000);
        expect(ms).toBeGreaterThanOrEqual(500);
      }),
    );
  });
});

describe('parseDuration', () => {
  it.each([
    [0, 0],
    [250, 250],
    ['250ms', 250],
    ['30s', 30_000],
    ['1.5m', 90_000],
    ['6h', 21_600_000],
    ['3d', 259_200_000],
    ['1w', 604_800_000],
  ])('%j is %i ms', (value, ms) => expect(parseDuration(value)).toBe(ms));

  it.each([-1, Number.NaN, Infinity, '', '10', '10 s', 's', '-1s', '1y', true, null, {}])(
    '%j is none',
    (value) => expect(parseDuration(value)).toBeUndefined(),
  );
});
