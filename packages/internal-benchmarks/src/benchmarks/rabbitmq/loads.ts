/** How much is measured. */
export interface Loads {
  /** Messages of one turn of a consumer or publisher. */
  readonly messages: number;
  /** Messages of one turn that fail. */
  readonly failures: number;
  /** Messages of one turn that have keys; there are few rounds of them, as they take long. */
  readonly keyedMessages: number;
  readonly keyedRounds: number;
  /** Rounds that count, and before them those that do not: V8 compiles meanwhile. */
  readonly rounds: number;
  readonly warmupRounds: number;
}

export const FULL: Loads = {
  messages: 10_000,
  failures: 5_000,
  keyedMessages: 1_200,
  keyedRounds: 5,
  rounds: 15,
  warmupRounds: 3,
};

export const QUICK: Loads = {
  messages: 3_000,
  failures: 1_000,
  keyedMessages: 300,
  keyedRounds: 1,
  rounds: 5,
  warmupRounds: 2,
};

/** Shows that everything still runs; its numbers mean nothing. */
export const TINY: Loads = {
  messages: 200,
  failures: 100,
  keyedMessages: 200,
  keyedRounds: 1,
  rounds: 1,
  warmupRounds: 0,
};
