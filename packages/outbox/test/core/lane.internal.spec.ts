import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fairShare, keyHash, laneOf } from '../../src/core/lane.js';

describe('keyHash', () => {
  // Rows in databases were stored by these numbers: a change here breaks the order of every key that has some.
  it.each([
    ['', 0xab3e7c0b],
    ['a', 0x1a80b1b3],
    ['order-1', 0x92005a9c],
    ['주문-7', 0x9ee3569d],
    ['😀', 0x3303a80a],
  ])('of %j is fixed', (key, hash) => {
    expect(keyHash(key).toString(16)).toBe(hash.toString(16));
  });

  it('spreads consecutive keys evenly', () => {
    const lanes = Array.from({ length: 16 }, () => 0);
    for (let i = 0; i < 16_000; i++) lanes[laneOf(`order-${i}`, 16)]! += 1;
    expect(Math.min(...lanes)).toBeGreaterThan(850);
    expect(Math.max(...lanes)).toBeLessThan(1_150);
  });

  it('gives every string a lane that exists, always the same', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.integer({ min: 1, max: 1024 }),
        (key, lanes) => {
          const lane = laneOf(key, lanes);
          expect(lane).toBe(laneOf(key, lanes));
          expect(lane >= 0 && lane < lanes && Number.isInteger(lane)).toBe(true);
        },
      ),
    );
  });
});

describe('fairShare', () => {
  it.each([
    [16, 1, 16],
    [16, 2, 8],
    [16, 3, 6],
    [16, 17, 1],
    [1, 4, 1],
    [16, 0, 16],
  ])('of %i lanes among %i relays is %i', (lanes, relays, share) => {
    expect(fairShare(lanes, relays)).toBe(share);
  });
});
