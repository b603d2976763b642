import fc from 'fast-check';
import { expect, it } from 'vitest';
import { gapsBetween } from '../../src/core/gaps.js';

it.each([
  ['nothing', [], [[null, null]]],
  [
    'one',
    [5],
    [
      [null, 5],
      [5, null],
    ],
  ],
  [
    'a run',
    [3, 4, 5],
    [
      [null, 3],
      [5, null],
    ],
  ],
  [
    'two runs, in any order',
    [9, 3, 4, 8],
    [
      [null, 3],
      [4, 8],
      [9, null],
    ],
  ],
])('%s', (_what, known, gaps) => {
  const { after, before } = gapsBetween(known);
  expect(after.map((from, i) => [from, before[i]])).toEqual(gaps);
});

it('hold exactly the numbers that are not known', () => {
  const seqs = fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 40 });
  fc.assert(
    fc.property(seqs, (known) => {
      const { after, before } = gapsBetween(known);
      const inGap = (n: number) =>
        after.filter((from, i) => (from ?? 0) < n && n < (before[i] ?? Infinity)).length;
      for (let n = 1; n <= 62; n += 1) expect(inGap(n)).toBe(known.includes(n) ? 0 : 1);
    }),
  );
});
