import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RetryBudget } from '../../src/core/retry-budget.js';
import { nextAttemptIn, pushbackIn, type FailedAttempt } from '../../src/core/retry-plan.js';

const settings = { attempts: 3, initialMs: 100, maxMs: 1_000 };
const failed: FailedAttempt = {
  attempt: 1,
  code: 14,
  retryAfterMs: undefined,
  pushback: undefined,
  now: 1_000_000,
  deadline: Infinity,
  random: 0.5,
};

describe('another attempt', () => {
  it.each<[string, Partial<FailedAttempt>, number | undefined]>([
    ['is made after a part of the pause', {}, 50],
    ['after a longer one the next time', { attempt: 2 }, 100],
    ['is not made after the last', { attempt: 3 }, undefined],
    ['is made when the other side wants it', { retryAfterMs: 700 }, 700],
    ['not before that, whatever the trailers say', { retryAfterMs: 700, pushback: 10 }, 700],
    ['by the trailers alone, sooner than by itself', { pushback: 10 }, 10],
    ['is not made where the trailers say never', { pushback: 'never' }, undefined],
    ['is made while somebody waits', { deadline: 1_000_051 }, 50],
    ['is not made where nobody waits any more', { deadline: 1_000_050 }, undefined],
    [
      'nor where the other side wants it after that',
      { deadline: 1_000_500, retryAfterMs: 700 },
      undefined,
    ],
  ])('%s', (_, more, wait) => {
    expect(nextAttemptIn(settings, { ...failed, ...more })).toBe(wait);
  });

  it.each(Array.from({ length: 16 }, (_, index) => index + 1))(
    'is made of code %i as it should be',
    (code) => {
      expect(nextAttemptIn(settings, { ...failed, code }) !== undefined).toBe(code === 14);
    },
  );

  it('is never made after the deadline, and never sooner than wanted', () => {
    fc.assert(
      fc.property(
        fc.record({
          attempt: fc.integer({ min: 1, max: 80 }),
          retryAfterMs: fc.option(fc.nat(100_000), { nil: undefined }),
          pushback: fc.option(fc.nat(100_000), { nil: undefined }),
          deadline: fc.integer({ min: 1_000_000, max: 1_200_000 }),
          random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        }),
        (given) => {
          const wait = nextAttemptIn({ ...settings, attempts: 100 }, { ...failed, ...given });
          if (wait === undefined) return;
          expect(wait).toBeGreaterThanOrEqual(given.retryAfterMs ?? 0);
          expect(wait).toBeGreaterThanOrEqual(given.pushback ?? 0);
          expect(1_000_000 + wait).toBeLessThan(given.deadline);
        },
      ),
    );
  });

  it.each([
    [undefined, undefined],
    ['300', 300],
    ['0', 0],
    ['-1', 'never'],
    ['soon', 'never'],
    ['', 'never'],
    ['1e3', 'never'],
    ['999999999', 999_999_999],
    ['1000000000', 'never'],
    [Buffer.from('3'), 'never'],
  ])('has the trailer %j say %j', (value, said) => {
    expect(pushbackIn(value)).toBe(said);
  });
});

describe('the budget', () => {
  it('ends with half of what there was, and is earned again by calls that are answered', () => {
    const budget = new RetryBudget();
    expect([1, 2, 3, 4, 5, 6].map(() => budget.failed())).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
    for (let count = 0; count < 30; count += 1) budget.answered();
    expect([budget.failed(), budget.failed(), budget.failed()]).toEqual([true, false, false]);
  });

  it('is earned again in the same time, however many have failed', () => {
    const budget = new RetryBudget();
    for (let count = 0; count < 1_000; count += 1) budget.failed();
    for (let count = 0; count < 70; count += 1) budget.answered();
    expect([budget.failed(), budget.failed()]).toEqual([true, false]);
  });
});
