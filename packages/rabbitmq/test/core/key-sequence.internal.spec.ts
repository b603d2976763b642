import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  findingOf,
  sequenceAfter,
  type KeySequence,
  type Span,
} from '../../src/core/key-sequence.js';

const sequence = (last: number, ...missing: Span[]): KeySequence => ({ last, missing });

describe('a number', () => {
  it.each([
    { what: 'the first of a key, whatever it is', known: undefined, number: 7, finding: 'next' },
    { what: 'the next one', known: sequence(7), number: 8, finding: 'next' },
    { what: 'the next but one', known: sequence(7), number: 9, finding: 'gap', missing: [8, 8] },
    { what: 'far ahead', known: sequence(7), number: 20, finding: 'gap', missing: [8, 19] },
    { what: 'the last one again', known: sequence(7), number: 7, finding: 'duplicate' },
    { what: 'one before the first', known: sequence(7), number: 3, finding: 'duplicate' },
    { what: 'one that was missing', known: sequence(9, [2, 4]), number: 4, finding: 'late' },
    { what: 'one beside a hole', known: sequence(9, [2, 4]), number: 5, finding: 'duplicate' },
  ])('says what it is: $what', ({ known, number, finding, missing }) => {
    expect(findingOf(known, number)).toEqual({ finding, ...(missing && { missing }) });
  });

  it.each([
    { known: undefined, number: 3, how: 'handled', now: sequence(3) },
    { known: undefined, number: 3, how: 'parked', now: sequence(3, [3, 3]) },
    { known: sequence(3), number: 4, how: 'handled', now: sequence(4) },
    { known: sequence(3), number: 7, how: 'handled', now: sequence(7, [4, 6]) },
    { known: sequence(3), number: 7, how: 'parked', now: sequence(7, [4, 7]) },
    { known: sequence(7, [4, 6]), number: 5, how: 'handled', now: sequence(7, [4, 4], [6, 6]) },
    { known: sequence(7, [4, 6]), number: 5, how: 'parked', now: sequence(7, [4, 6]) },
    { known: sequence(7, [4, 4]), number: 4, how: 'handled', now: sequence(7) },
    { known: sequence(7), number: 4, how: 'handled', now: sequence(7) },
    // A copy that fails: the message itself was handled.
    { known: sequence(7), number: 4, how: 'parked', now: sequence(7) },
  ] as const)('$number of $known, $how: $now', ({ known, number, how, now }) => {
    expect(sequenceAfter(known, number, how)).toEqual(now);
  });

  it('is missing as long as it was not handled, whatever the order they come in', () => {
    const step = fc.record({
      number: fc.integer({ min: 1, max: 40 }),
      how: fc.constantFrom('handled' as const, 'handled' as const, 'parked' as const),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        let known = sequence(0);
        const handled = new Set<number>();
        let last = 0;
        for (const { number, how } of steps) {
          known = sequenceAfter(known, number, how);
          if (how === 'handled') handled.add(number);
          last = Math.max(last, number);
          expect(known.last).toBe(last);
          const open = Array.from({ length: last }, (_, at) => at + 1).filter(
            (one) => !handled.has(one),
          );
          const holes = known.missing.flatMap(([from, to]) =>
            Array.from({ length: to - from + 1 }, (_, at) => from + at),
          );
          expect(holes).toEqual(open);
          for (const one of [...open, ...handled])
            expect(findingOf(known, one).finding).toBe(handled.has(one) ? 'duplicate' : 'late');
        }
      }),
    );
  });

  it('is remembered as missing in 64 places at most, the newest', () => {
    let known: KeySequence | undefined;
    for (let number = 1; number < 400; number += 2) known = sequenceAfter(known, number, 'handled');
    expect(known!.missing).toHaveLength(64);
    expect(known!.missing.at(-1)).toEqual([398, 398]);
    expect(findingOf(known, 2).finding).toBe('duplicate');
  });
});
