/** How much is measured. */
export interface Loads {
  /** Messages of one turn of a consumer or publisher. */
  readonly messages: number;
  /** Messages of one turn that fail. */
  readonly failures: number;
  /** Rounds that count, and before them those that do not: V8 compiles meanwhile. */
  readonly rounds: number;
  readonly warmupRounds: number;
}

export const FULL: Loads = { messages: 10_000, failures: 5_000, rounds: 15, warmupRounds: 3 };

export const QUICK: Loads = { messages: 3_000, failures: 1_000, rounds: 5, warmupRounds: 2 };

/** Shows that everything still runs; its numbers mean nothing. */
export const TINY: Loads = { messages: 200, failures: 100, rounds: 1, warmupRounds: 0 };
