import type { Load } from '../../measure/alternate.js';

/** How many calls are under way at a time. */
export const CONCURRENT = [1, 64] as const;

/** One call after another, subjects alternating call by call; warm is when the compiler has optimised all of them. */
const oneByOne = (quick: boolean): Load =>
  quick
    ? { rounds: 600, turn: 1, concurrent: 1, warmup: 1_500 }
    : { rounds: 3_000, turn: 1, concurrent: 1, warmup: 3_000 };

/** 64 calls at a time. A turn is long enough that its ends, where fewer are under way, hardly count. */
const manyAtOnce = (quick: boolean): Load =>
  quick
    ? { rounds: 6, turn: 256, concurrent: 64, warmup: 6 }
    : { rounds: 12, turn: 512, concurrent: 64, warmup: 6 };

export const loadOf = (concurrent: (typeof CONCURRENT)[number], quick: boolean): Load =>
  concurrent === 1 ? oneByOne(quick) : manyAtOnce(quick);
