import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { delayFor, delaysOf, tierFor, tiersOf } from '../../src/core/retry-policy.js';
import type { DelayOptions } from '../../src/core/retry-policy.js';

const options: DelayOptions = {
  attempts: 5,
  backoff: 'exponential',
  initialMs: 1_000,
  factor: 2,
  maxMs: 600_000,
};
const delays = (more: Partial<DelayOptions>) => delaysOf({ ...options, ...more });

describe('delaysOf', () => {
  it.each<[string, Partial<DelayOptions>, number[]]>([
    ['exponential', {}, [1_000, 2_000, 4_000, 8_000]],
    ['exponential, up to the most', { maxMs: 3_000 }, [1_000, 2_000, 3_000, 3_000]],
    ['exponential with a factor below 1', { factor: 0.5 }, [1_000, 1_000, 1_000, 1_000]],
    ['linear', { backoff: 'linear' }, [1_000, 2_000, 3_000, 4_000]],
    ['fixed', { backoff: 'fixed' }, [1_000, 1_000, 1_000, 1_000]],
    ['a list', { backoff: [5, 1, 9, 7] }, [5, 1, 9, 7]],
    ['a short list', { backoff: [5, 50] }, [5, 50, 50, 50]],
    ['a long list', { backoff: [1, 2, 3, 4, 5, 6] }, [1, 2, 3, 4]],
    ['a list beyond the most', { backoff: [5, 700_000] }, [5, 600_000, 600_000, 600_000]],
    ['an empty list', { backoff: [] }, [1_000, 1_000, 1_000, 1_000]],
    ['one attempt', { attempts: 1 }, []],
    ['no attempt', { attempts: 0 }, []],
    ['parts of a millisecond', { backoff: [0, 0.4, 1.6, 2] }, [1, 1, 2, 2]],
    ['what is no time', { backoff: [-5, NaN, Infinity, 2] }, [1, 600_000, 600_000, 2]],
  ])('%s', (_, more, expected) => {
    expect(delays(more)).toEqual(expected);
  });

  it('stays within what the broker takes for a TTL', () => {
    expect(delays({ attempts: 60, maxMs: Infinity }).at(-1)).toBe(4_294_967_295);
    expect(delays({ attempts: 5_000, maxMs: Infinity }).at(-1)).toBe(4_294_967_295);
  });
});

describe('tiers', () => {
  it('are the distinct delays, ascending', () => {
    expect(tiersOf({ delaysMs: [9, 100, 9, 5] })).toEqual([5, 9, 100]);
    expect(tiersOf({ delaysMs: [] })).toEqual([]);
  });

  it.each([
    [0, 10],
    [-1, 10],
    [-Infinity, 10],
    [10, 10],
    [10.5, 100],
    [100, 100],
    [101, 100],
    [Infinity, 100],
    [NaN, 100],
  ])('for %d is %d', (afterMs, tier) => {
    expect(tierFor([10, 100], afterMs)).toBe(tier);
  });

  it('is none where there are none', () => {
    expect(tierFor([], 10)).toBeUndefined();
  });
});

describe('delayFor', () => {
  const low = () => 0;
  const high = () => 0.999;
  const policy = { delaysMs: [1, 2, 4, 4], jitter: true };
  it.each([
    [1, 1, 2],
    [2, 2, 4],
    [3, 4, 2],
    [4, 4, 2],
    [99, 4, 2],
    [Infinity, 4, 2],
    [1.7, 1, 2],
    [0, 1, 2],
    [-3, 1, 2],
    [NaN, 1, 2],
  ])('after attempt %d is %i or %i', (failed, usual, other) => {
    expect(delayFor(policy, failed, low)).toBe(usual);
    expect(delayFor(policy, failed, high)).toBe(other);
    expect(delayFor({ ...policy, jitter: false }, failed, high)).toBe(usual);
  });

  it('has no choice with one tier, and nothing with none', () => {
    expect(delayFor({ delaysMs: [7, 7], jitter: true }, 1, high)).toBe(7);
    expect(delayFor({ delaysMs: [], jitter: true }, 1, high)).toBeUndefined();
  });

  it('spreads evenly', () => {
    const ticks = Array.from({ length: 100 }, (_, i) => delayFor(policy, 1, () => i / 100));
    expect(ticks.filter((ms) => ms === 1)).toHaveLength(50);
    expect(ticks.filter((ms) => ms === 2)).toHaveLength(50);
  });
});

const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const anyOptions = fc.record({
  attempts: fc.integer({ min: 2, max: 40 }),
  backoff: fc.oneof(
    fc.constantFrom('exponential' as const, 'linear' as const, 'fixed' as const),
    fc.array(fc.integer({ min: 1, max: 10 ** 9 }), { minLength: 1, maxLength: 50 }),
  ),
  initialMs: fc.double({ min: 0, max: 10 ** 7, noNaN: true }),
  factor: fc.double({ min: 0, max: 100, noNaN: true }),
  maxMs: fc.double({ min: 1, max: 10 ** 8, noNaN: true }),
});

describe('whatever the policy', () => {
  it('a delay is one of the tiers and never above the most, the tiers are distinct and ascend', () => {
    fc.assert(
      fc.property(anyOptions, fc.boolean(), fc.integer(), chance, (given, jitter, step, random) => {
        const delaysMs = delaysOf(given);
        const tiers = tiersOf({ delaysMs });
        expect(delaysMs).toHaveLength(given.attempts - 1);
        expect(tiers.every((ms, i) => i === 0 || ms > (tiers[i - 1] as number))).toBe(true);
        expect(tiers.every((ms) => Number.isInteger(ms) && ms >= 1 && ms <= given.maxMs)).toBe(
          true,
        );
        expect(tiers).toContain(delayFor({ delaysMs, jitter }, step, () => random));
      }),
    );
  });

  it('a pause is never shorter than the one before, without jitter and unless a list says so', () => {
    fc.assert(
      fc.property(anyOptions, fc.integer({ min: 1, max: 60 }), (given, step) => {
        fc.pre(typeof given.backoff === 'string');
        const policy = { delaysMs: delaysOf(given), jitter: false };
        const [first, second] = [step, step + 1].map((n) => delayFor(policy, n, Math.random));
        expect(second).toBeGreaterThanOrEqual(first as number);
      }),
    );
  });

  it('jitter moves a message by one tier at most', () => {
    fc.assert(
      fc.property(anyOptions, fc.integer({ min: 1, max: 60 }), chance, (given, step, random) => {
        const delaysMs = delaysOf(given);
        const tiers = tiersOf({ delaysMs });
        const [usual, moved] = [false, true].map((jitter) =>
          tiers.indexOf(delayFor({ delaysMs, jitter }, step, () => random) as number),
        );
        expect(Math.abs((moved as number) - (usual as number))).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('a tier is not shorter than what was asked for, unless that is beyond the longest', () => {
    fc.assert(
      fc.property(anyOptions, fc.double({ noNaN: true }), (given, asked) => {
        const tiers = tiersOf({ delaysMs: delaysOf(given) });
        const tier = tierFor(tiers, asked) as number;
        expect(tiers).toContain(tier);
        expect(tier >= asked || tier === tiers.at(-1)).toBe(true);
        expect(tiers.filter((ms) => ms >= asked && ms < tier)).toEqual([]);
      }),
    );
  });
});
