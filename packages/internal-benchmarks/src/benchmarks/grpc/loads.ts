/** How much is measured. */
export interface Loads {
  readonly rounds: number;
  /** Calls of one turn, in process. */
  readonly calls: number;
  /** Calls of which is counted what they leave behind. */
  readonly manyCalls: number;
  readonly wireRounds: number;
  /** Calls of one turn over loopback. */
  readonly wireCalls: number;
  /** Rounds that do not count: V8 compiles meanwhile. */
  readonly warmup: number;
}

export const FULL: Loads = {
  rounds: 15,
  calls: 10_000,
  manyCalls: 100_000,
  wireRounds: 7,
  wireCalls: 10_000,
  warmup: 3,
};

export const QUICK: Loads = {
  rounds: 5,
  calls: 3_000,
  manyCalls: 10_000,
  wireRounds: 2,
  wireCalls: 2_000,
  warmup: 2,
};

/** Shows that everything still runs; its numbers mean nothing. */
export const TINY: Loads = {
  rounds: 1,
  calls: 50,
  manyCalls: 200,
  wireRounds: 1,
  wireCalls: 100,
  warmup: 0,
};
