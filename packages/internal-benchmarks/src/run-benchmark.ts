import type { Benchmark, Cell } from './benchmark.js';
import { machine, type Machine } from './machine.js';

/** What `--json` prints. */
export interface Result {
  readonly name: string;
  /** When it was measured, ISO 8601. */
  readonly date: string;
  readonly quick: boolean;
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly figures: Readonly<Record<string, number | null>>;
  readonly table: readonly Readonly<Record<string, Cell>>[];
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
  });
  const missing = keys.filter((key) => !measured.has(key));
  if (missing.length > 0) throw broken(benchmark, `did not report ${missing.join(', ')}`);
  if (table.length === 0) throw broken(benchmark, 'has no row in its table');
  const figures = Object.fromEntries(keys.map((key) => [key, measured.get(key) ?? null]));
  return { name: benchmark.name, date, quick, machine: machine(), versions, figures, table };
}

const broken = ({ name }: Benchmark, what: string) => new Error(`Benchmark "${name}" ${what}.`);
