import fc from 'fast-check';
import { expect, it } from 'vitest';
import { byBlock, foremost } from '../../src/core/suspects.js';

const row = (seq: number, block = `#${seq}`) =>
  ({ place: 'pending', seq, block, lane: 0 }) as const;
const seqs = (rows: readonly { seq: number }[]) => rows.map(({ seq }) => seq);

it('the first one of every block comes before the second one of any', () => {
  const rows = [row(1, 'a'), row(2, 'a'), row(3, 'a'), row(4, 'b'), row(5), row(6, 'b')];
  expect(seqs(foremost(rows, 3))).toEqual([1, 4, 5]);
  expect(seqs(foremost(rows, 4))).toEqual([1, 2, 4, 5]);
  expect(seqs(foremost(rows, 5))).toEqual([1, 2, 4, 5, 6]);
  expect(seqs(foremost(rows, 100))).toEqual([1, 2, 3, 4, 5, 6]);
  expect(foremost([], 3)).toEqual([]);
});

it('property: of each block a beginning is chosen, no two of them differ by more than one but by their length', () => {
  const blocks = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 30 });
  fc.assert(
    fc.property(blocks, fc.integer({ min: 0, max: 40 }), (names, limit) => {
      const rows = names.map((name, at) => row(at + 1, name));
      const chosen = foremost(rows, limit);
      expect(chosen).toHaveLength(Math.min(limit, rows.length));
      expect(seqs(chosen)).toEqual(seqs(chosen).toSorted((one, other) => one - other));
      const whole = byBlock(rows);
      const lengths = [...whole].map(([block, all]) => {
        const some = byBlock(chosen).get(block) ?? [];
        expect(some).toEqual(all.slice(0, some.length));
        return { some: some.length, isAll: some.length === all.length };
      });
      const longest = Math.max(0, ...lengths.map(({ some }) => some));
      for (const { some, isAll } of lengths) expect(isAll || some >= longest - 1).toBe(true);
    }),
  );
});
