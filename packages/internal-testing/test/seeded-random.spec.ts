import { seededRandom } from '@acme/internal-testing';
import { expect, test } from 'vitest';

test('the same seed gives the same numbers, another seed others', () => {
  const take = (seed: number) => Array.from({ length: 5 }, seededRandom(seed));
  expect(take(1)).toEqual(take(1));
  expect(take(1)).not.toEqual(take(2));
});

test('numbers fill the interval evenly', () => {
  const random = seededRandom(42);
  const counts = Array.from({ length: 10 }, () => 0);
  for (let i = 0; i < 100_000; i++) counts[Math.floor(random() * 10)]!++;
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
});

test('int includes both ends', () => {
  const random = seededRandom(7);
  const seen = new Set(Array.from({ length: 200 }, () => random.int(1, 3)));
  expect([...seen].sort()).toEqual([1, 2, 3]);
});

test('pick and shuffle', () => {
  const random = seededRandom(7);
  const items = ['a', 'b', 'c', 'd'];
  expect(items).toContain(random.pick(items));
  expect(random.shuffle(items).sort()).toEqual(items);
  expect(() => random.pick([])).toThrow(expect.objectContaining({ code: 'NOTHING_TO_PICK' }));
});
