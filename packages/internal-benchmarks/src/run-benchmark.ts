import type { Bar, Benchmark, Cell, Comparison, Observation } from './benchmark.js';
import { machine, type Machine } from './machine.js';

/** A bar and whether its figure keeps to it; `ok` is null where the figure was not measured. */
export type JudgedBar = Bar & { readonly ok: boolean | null };

/** What `--json` prints. */
export interface Result {
  readonly name: string;
  /** When it was measured, ISO 8601. */
  readonly date: string;
  readonly quick: boolean;
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly figures: Readonly<Record<string, number | null>>;
  readonly bars: Readonly<Record<string, JudgedBar>>;
  readonly table: readonly Readonly<Record<string, Cell>>[];
  readonly correctness: readonly Comparison[];
  readonly behaviour: readonly Observation[];
}

/** Where a run gets its servers and says how far it is. */
export interface RunSettings {
  readonly quick: boolean;
  readonly env: Readonly<Record<string, string>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly progress: (line: string) => void;
}

/** Runs a benchmark and holds it to what it declared: every key, each once, each a number or `null`. */
export async function runBenchmark<Key extends string>(
  benchmark: Benchmark<Key>,
  { quick, env, versions, progress }: RunSettings,
): Promise<Result> {
  const date = new Date().toISOString();
  const keys = Object.keys(benchmark.figures) as Key[];
  const measured = new Map<Key, number | null>();
  const table: Record<string, Cell>[] = [];
  const correctness: Comparison[] = [];
  const behaviour: Observation[] = [];
  await benchmark.run({
    quick,
    env,
    progress,
    figure: (key, value) => {
      if (!keys.includes(key)) throw broken(benchmark, `reports "${key}" without declaring it`);
      if (measured.has(key)) throw broken(benchmark, `reports "${key}" twice`);
      if (value !== null && !Number.isFinite(value)) {
        throw broken(benchmark, `measured ${value} for "${key}"; say null when there is no number`);
      }
      measured.set(key, value);
    },
    row: (subject, cells) => void table.push({ subject, ...cells }),
    compare: (comparison) => void correctness.push(comparison),
    observe: (observation) => void behaviour.push(observation),
  });
  const missing = keys.filter((key) => !measured.has(key));
  if (missing.length > 0) throw broken(benchmark, `did not report ${missing.join(', ')}`);
  if (table.length === 0) throw broken(benchmark, 'has no row in its table');
  const figures = Object.fromEntries(keys.map((key) => [key, measured.get(key) ?? null]));
  const bars = judge(benchmark.bars ?? {}, figures);
  const { name } = benchmark;
  return {
    name,
    date,
    quick,
    machine: machine(),
    versions,
    figures,
    bars,
    table,
    correctness,
    behaviour,
  };
}

function judge(
  bars: Readonly<Record<string, Bar | undefined>>,
  figures: Readonly<Record<string, number | null>>,
): Record<string, JudgedBar> {
  const judged: Record<string, JudgedBar> = {};
  for (const [key, bar] of Object.entries(bars)) {
    const figure = figures[key] ?? null;
    if (bar) judged[key] = { ...bar, ok: figure === null ? null : keepsTo(bar, figure) };
  }
  return judged;
}

function keepsTo(bar: Bar, figure: number): boolean {
  if ('atLeast' in bar) return figure >= bar.atLeast;
  return 'atMost' in bar ? figure <= bar.atMost : figure < bar.below;
}

/** What of a result is not as it should be, a line each. */
export function shortcomings({ figures, bars, correctness, behaviour }: Result): string[] {
  return [
    ...Object.entries(bars)
      .filter(([, { ok }]) => ok === false)
      .map(([key, bar]) => `${key} is ${figures[key]}; its bar is ${shownBar(bar)}.`),
    ...correctness
      .filter(({ ok }) => !ok)
      .map(({ id, defect, ours }) => `${id} (${defect}): ours ${ours}.`),
    ...behaviour
      .filter(({ ok }) => ok === false)
      .map((observation) => `Not as promised: ${JSON.stringify(observation)}.`),
  ];
}

/** `≤ 1.25`, `< 1` or `≥ 6`. */
export function shownBar(bar: Bar): string {
  if ('atLeast' in bar) return `≥ ${bar.atLeast}`;
  return 'atMost' in bar ? `≤ ${bar.atMost}` : `< ${bar.below}`;
}

const broken = ({ name }: Benchmark, what: string) => new Error(`Benchmark "${name}" ${what}.`);
