import { TestingError } from '../testing.errors.js';

/** Numbers that look random and are the same for the same seed: `random()` stands in for `Math.random`. */
export interface SeededRandom {
  /** A number from 0 (included) to 1 (excluded). */
  (): number;
  /** A whole number from `min` to `max`, both included. */
  int(min: number, max: number): number;
  /** One of the items. Throws `NOTHING_TO_PICK` for an empty list. */
  pick<T>(items: readonly T[]): T;
  /** The items in another order; the list itself stays as it is. */
  shuffle<T>(items: readonly T[]): T[];
}

/** Numbers by Tommy Ettinger's mulberry32: 32 bits of state, good enough to vary a test. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (min: number, max: number) => min + Math.floor(next() * (max - min + 1));
  const pick = <T>(items: readonly T[]): T => {
    if (items.length === 0) throw new TestingError('NOTHING_TO_PICK', 'The list is empty.');
    return items[int(0, items.length - 1)] as T;
  };
  const shuffle = <T>(items: readonly T[]): T[] => {
    const rest = [...items];
    return items.map(() => rest.splice(int(0, rest.length - 1), 1)[0] as T);
  };
  return Object.assign(next, { int, pick, shuffle });
}
