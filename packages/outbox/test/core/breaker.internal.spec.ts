import { describe, expect, it } from 'vitest';
import { Breaker } from '../../src/core/breaker.js';

describe('Breaker', () => {
  const breaker = () => new Breaker({ initialMs: 100, maxMs: 1_000 }, () => 0);

  it('is closed at first', () => {
    expect(breaker()).toMatchObject({ isOpen: false, failedProbes: 0 });
  });

  it('opens, and waits longer after every probe that fails', () => {
    const one = breaker();
    expect(one.trip(0)).toBe(true);
    expect(one.retryAt).toBe(50);
    expect(one.trip(50)).toBe(false);
    expect(one).toMatchObject({ isOpen: true, failedProbes: 1, retryAt: 150 });
  });

  it('tells the news of its closing once, and starts afresh', () => {
    const one = breaker();
    one.trip(0);
    one.trip(0);
    expect([one.close(), one.close()]).toEqual([true, false]);
    one.trip(1_000);
    expect(one.retryAt).toBe(1_050);
  });
});
