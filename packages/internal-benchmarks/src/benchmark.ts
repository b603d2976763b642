import type { ServiceName } from '@acme/internal-testing/services';

/** What a cell of the table may hold. `null`: not measured. */
export type Cell = string | number | null;

/** What a figure must keep to; it is judged after every run, quick or not. */
export type Bar =
  { readonly atMost: number } | { readonly below: number } | { readonly atLeast: number };

/** One scenario, run against a peer and against us: what each of them did. */
export interface Comparison {
  /** Where the defect is described: number of the row in the research. */
  readonly id: string;
  readonly defect: string;
  readonly peer: string;
  /** What was observed, not what was expected. */
  readonly peerResult: string;
  readonly ours: string;
  /** Whether what we did is right; a peer that has become right does not matter. */
  readonly ok: boolean;
}

/** What somebody did when something went wrong: a row of the behaviour table. */
export interface Observation extends Readonly<Record<string, Cell | boolean>> {
  readonly scenario: string;
  readonly subject: string;
  /** Whether it is right; `null` where nothing is expected: of peers, and where we do not promise it. */
  readonly ok: boolean | null;
}

/** What a benchmark is given to measure with and to report to. */
export interface BenchmarkRun<Key extends string = string> {
  /** True for `--quick`: the same keys from smaller loads, the whole within 50 s. */
  readonly quick: boolean;
  /** Addresses of the servers it asked for, by the usual names (`DATABASE_URL`, …). */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Reports a figure, once. `null` where it cannot be measured honestly at this size: a reader must be able to rely on
   * every number that is there.
   */
  figure(key: Key, value: number | null): void;
  /** Adds a row to the table: who was measured, and what came out. Say the load in a cell when it differs by row. */
  row(subject: string, cells: Readonly<Record<string, Cell>>): void;
  /** Adds a row to the correctness table. */
  compare(comparison: Comparison): void;
  /** Adds a row to the behaviour table. */
  observe(observation: Observation): void;
  /** Says on standard error how far it is. */
  progress(line: string): void;
}

/** A benchmark: `npm run bench -- <name> [--quick] [--json]`. */
export interface Benchmark<Key extends string = string> {
  readonly name: string;
  /** One line for people. */
  readonly title: string;
  /** The servers it needs; they are provided before the run and taken away after it. */
  readonly services: readonly ServiceName[];
  /**
   * Every figure it reports, each with its meaning and unit. Declared, so that a full and a quick run, and today's and
   * next year's, have the same keys.
   */
  readonly figures: Readonly<Record<Key, string>>;
  /** The figures that have a bar. */
  readonly bars?: Readonly<Partial<Record<Key, Bar>>>;
  /** Packages whose versions belong to the result besides our own: the peers, the drivers. */
  readonly versionsOf: readonly string[];
  /** Measures. The raw limit, the same work without any of us, is one of the rows. */
  run(run: BenchmarkRun<Key>): Promise<void>;
}

/** Declares a benchmark, with the keys of `figures` checked in `run`. */
export const defineBenchmark = <Key extends string>(benchmark: Benchmark<Key>): Benchmark<Key> =>
  benchmark;
