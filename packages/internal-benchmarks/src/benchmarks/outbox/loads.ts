/** How much is measured. */
export interface Loads {
  /** Business transactions of each kind. */
  readonly transactions: number;
  /** So many before them: until then V8 interprets part of `add()`, and compiles the rest beside it. Services run for days. */
  readonly warmup: number;
  /** Of a steady 500 messages a second. */
  readonly seconds: number;
  /** Of each of 100 keys whose first message waits. */
  readonly messagesPerBlockedKey: number;
  /** Messages of the drain, and rounds of it that count after one that does not. */
  readonly backlog: number;
  readonly rounds: number;
  readonly warmupRounds: number;
  /** Rounds of two relays beside one. */
  readonly twoRelaysRounds: number;
  /** Null: left out. Nothing smaller than a million says the same, and that takes minutes. */
  readonly largeBacklog: number | null;
}

export const FULL: Loads = {
  transactions: 4_000,
  warmup: 8_000,
  seconds: 20,
  messagesPerBlockedKey: 1_000,
  backlog: 50_000,
  rounds: 5,
  warmupRounds: 1,
  twoRelaysRounds: 5,
  largeBacklog: 1_000_000,
};

export const QUICK: Loads = {
  ...FULL,
  transactions: 1_000,
  warmup: 4_000,
  seconds: 4,
  backlog: 20_000,
  rounds: 3,
  twoRelaysRounds: 2,
  largeBacklog: null,
};

/** Shows that everything still runs; its numbers mean nothing. */
export const TINY: Loads = {
  transactions: 20,
  warmup: 0,
  seconds: 1,
  messagesPerBlockedKey: 20,
  backlog: 1_000,
  rounds: 1,
  warmupRounds: 0,
  twoRelaysRounds: 1,
  largeBacklog: 2_000,
};
