import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planSettle, type SettleInput } from '../../src/core/settle-plan.js';
import { delaysOf, tiersOf, type RetryPolicy } from '../../src/core/retry-policy.js';

const policy: RetryPolicy = {
  attempts: 4,
  delaysMs: [1_000, 2_000, 4_000],
  maxElapsedMs: 60_000,
  jitter: false,
  maxDeferrals: 3,
};
const NOW = Date.UTC(2026, 10, 22);
const first = { attempt: 1, deferrals: 0 };
type Decision = SettleInput['decision'];
const plan = (decision: Decision, more: Partial<SettleInput> = {}) =>
  planSettle({ decision, policy, delivery: first, now: NOW, random: () => 0, ...more });
const retry = (afterMs?: number): Decision => ({ action: 'retry', afterMs, countAttempt: true });
const defer = (afterMs?: number): Decision => ({ action: 'retry', afterMs, countAttempt: false });

describe('planSettle: what was decided', () => {
  it.each(['reject', 'requeue'] as const)('answers %s', (action) => {
    expect(plan({ action })).toEqual({ action: 'answer', answer: action });
  });

  it('parks with the code and the reason that were given, whatever the attempt', () => {
    const parked = { action: 'park', code: 'ORDER_INVALID', reason: 'No lines.' } as const;
    expect(plan(parked)).toEqual(parked);
    expect(plan(parked, { delivery: { attempt: 99, deferrals: 99 } })).toEqual(parked);
  });
});

describe('planSettle: a retry that counts', () => {
  it.each([
    [1, 1_000],
    [2, 2_000],
    [3, 4_000],
  ])('after attempt %i waits %i ms', (attempt, afterMs) => {
    const made = plan(retry(), { delivery: { attempt, deferrals: 2 } });
    expect(made).toEqual({ action: 'retry', afterMs, attempt: attempt + 1, deferrals: 2 });
  });

  it.each([4, 5, 99, Infinity])('parks after attempt %d', (attempt) => {
    const made = plan(retry(10), { delivery: { attempt, deferrals: 0 } });
    expect(made).toMatchObject({ action: 'park', code: 'RETRIES_EXHAUSTED' });
    expect(made).toHaveProperty('reason', expect.stringContaining(`attempt ${attempt} of 4`));
  });

  it.each([
    [0, 1_000],
    [-5, 1_000],
    [-Infinity, 1_000],
    [1_000, 1_000],
    [1_001, 2_000],
    [3_600_000, 4_000],
    [Infinity, 4_000],
    [NaN, 1_000],
  ])('asked to wait %d ms, waits %i', (asked, afterMs) => {
    expect(plan(retry(asked))).toEqual({ action: 'retry', afterMs, attempt: 2, deferrals: 0 });
  });

  it('uses chance where the policy has jitter and no pause was asked for', () => {
    const jittery = { policy: { ...policy, jitter: true }, random: () => 0.9 };
    expect(plan(retry(), jittery)).toMatchObject({ afterMs: 2_000 });
    expect(plan(retry(1_000), jittery)).toMatchObject({ afterMs: 1_000 });
  });

  it.each([
    [undefined, 'retry'],
    [NOW, 'retry'],
    [NOW - 59_000, 'retry'],
    [NOW - 59_001, 'park'],
    [NOW - 86_400_000, 'park'],
    // Another host's clock is ahead.
    [NOW + 5_000, 'retry'],
    [NaN, 'retry'],
  ])('first failed at %d: %s', (firstFailedAt, action) => {
    expect(plan(retry(), { delivery: { ...first, firstFailedAt } })).toHaveProperty(
      'action',
      action,
    );
  });

  it('says how long it took', () => {
    const delivery = { attempt: 2, deferrals: 0, firstFailedAt: NOW - 59_500 };
    expect(plan(retry(), { delivery })).toEqual({
      action: 'park',
      code: 'RETRY_TIME_EXHAUSTED',
      reason: expect.stringMatching(/failed 59\.5 s ago.*in 2 s.*60 s.*maxElapsed/) as string,
    });
  });

  it('parks for the number of attempts before it parks for the time', () => {
    const delivery = { attempt: 4, deferrals: 0, firstFailedAt: 0 };
    expect(plan(retry(), { delivery })).toHaveProperty('code', 'RETRIES_EXHAUSTED');
  });
});

describe('planSettle: a retry that does not count', () => {
  it.each([
    [0, 1_000],
    [1, 2_000],
    [2, 4_000],
  ])('after %i deferrals waits %i ms', (deferrals, afterMs) => {
    const made = plan(defer(), { delivery: { attempt: 2, deferrals } });
    expect(made).toEqual({ action: 'retry', afterMs, attempt: 2, deferrals: deferrals + 1 });
  });

  it('waits as asked', () => {
    expect(plan(defer(1_500))).toMatchObject({ afterMs: 2_000, attempt: 1 });
  });

  it('minds neither attempts nor time', () => {
    const delivery = { attempt: 50, deferrals: 0, firstFailedAt: 0 };
    expect(plan(defer(), { delivery })).toMatchObject({ action: 'retry', attempt: 50 });
  });

  it.each([3, 4, Infinity])('parks after %d deferrals', (deferrals) => {
    const made = plan(defer(10), { delivery: { attempt: 1, deferrals } });
    expect(made).toMatchObject({ action: 'park', code: 'DEFERRALS_EXHAUSTED' });
    expect(made).toHaveProperty('reason', expect.stringContaining('at most 3'));
  });
});

describe('planSettle: a policy without tiers', () => {
  const once = { policy: { ...policy, attempts: 1, delaysMs: [] } };
  it.each([
    [retry(), 'RETRIES_EXHAUSTED'],
    [retry(5), 'RETRIES_EXHAUSTED'],
    [defer(), 'DEFERRALS_EXHAUSTED'],
    [defer(5), 'DEFERRALS_EXHAUSTED'],
  ])('parks %j at once as %s', (decision, code) => {
    expect(plan(decision, once)).toMatchObject({ action: 'park', code });
  });

  it('parks where the attempts say otherwise, too', () => {
    const made = plan(retry(), { policy: { ...policy, delaysMs: [] } });
    expect(made).toMatchObject({ code: 'RETRIES_EXHAUSTED' });
    expect(made).toHaveProperty('reason', expect.stringContaining('no wait queue'));
  });
});

describe('planSettle: whatever comes', () => {
  const number = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(NaN, Infinity, -Infinity, -0));
  const decision = fc.record({
    action: fc.constant('retry' as const),
    afterMs: fc.option(number, { nil: undefined }),
    countAttempt: fc.boolean(),
  });
  const anyPolicy = fc
    .record({
      attempts: fc.integer({ min: 1, max: 12 }),
      maxDeferrals: fc.integer({ min: 0, max: 20 }),
      jitter: fc.boolean(),
      maxElapsedMs: fc.oneof(fc.integer({ min: 1, max: 10 ** 9 }), fc.constantFrom(NaN, Infinity)),
      backoff: fc.constantFrom('exponential' as const, 'linear' as const, 'fixed' as const),
    })
    .map((given): RetryPolicy => ({
      ...given,
      delaysMs: delaysOf({ ...given, initialMs: 100, factor: 3, maxMs: 60_000 }),
    }));
  const forever = fc.infiniteStream(decision);
  const chances = fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }));

  it('a message is parked after finitely many deliveries, and waits in a tier before', () => {
    const start = fc.record({ attempt: number, deferrals: number, firstFailedAt: number });
    fc.assert(
      fc.property(anyPolicy, start, forever, chances, (given, began, decisions, random) => {
        const tiers = tiersOf(given);
        let delivery: SettleInput['delivery'] = began;
        let deliveries = 0;
        let ending: string | undefined;
        for (const one of decisions) {
          deliveries++;
          const made = plan(one, {
            policy: given,
            delivery,
            random: () => random.next().value as number,
          });
          ending = made.action;
          if (made.action !== 'retry' || deliveries > 100) break;
          expect(tiers).toContain(made.afterMs);
          delivery = { ...made, firstFailedAt: began.firstFailedAt };
        }
        expect(ending).toBe('park');
        expect(deliveries).toBeLessThanOrEqual(given.attempts + given.maxDeferrals);
      }),
    );
  });

  it.each(['attempts', 'maxElapsedMs', 'maxDeferrals'] as const)(
    'retries end where %s is no number',
    (name) => {
      const decision = name === 'maxDeferrals' ? defer() : retry();
      expect(plan(decision, { policy: { ...policy, [name]: NaN } })).toMatchObject({
        action: 'park',
      });
    },
  );
});
