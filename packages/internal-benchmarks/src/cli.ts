import { parseArgs } from 'node:util';
import { provideServices } from '@acme/internal-testing/services';
import type { Benchmark } from './benchmark.js';
import { forPeople } from './format.js';
import { type Result, runBenchmark, shortcomings } from './run-benchmark.js';
import { versions } from './versions.js';

/** Where the command line writes to. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
}

type Registry = Readonly<Record<string, () => Promise<Benchmark>>>;

/**
 * `<name> [--quick] [--json]`. Gives the exit code: 0 measured, 1 measured and not good enough (a figure misses its bar, or
 * we did something wrong), 2 called wrongly. With `--json` the one object is all
 * that is written to `out`.
 */
export async function cli(
  args: readonly string[],
  registry: Registry,
  { out, err }: Terminal,
): Promise<number> {
  const known = `There are: ${Object.keys(registry).sort().join(', ') || 'none'}.`;
  const parsed = parse(args);
  if (typeof parsed === 'string') {
    err(`${parsed}\nUsage: npm run bench -- <name> [--quick] [--json]. ${known}`);
    return 2;
  }
  const { name, quick, json } = parsed;
  const load = registry[name];
  if (!load) {
    err(name ? `There is no benchmark "${name}". ${known}` : `Which benchmark? ${known}`);
    return 2;
  }
  const benchmark = await load();
  const result = await withServers(benchmark, quick, err);
  out(json ? JSON.stringify(result) : forPeople(result, benchmark.figures));
  const wrong = shortcomings(result);
  if (wrong.length > 0) err(`Not good enough:\n${wrong.join('\n')}`);
  return wrong.length > 0 ? 1 : 0;
}

function parse(args: readonly string[]): { name: string; quick: boolean; json: boolean } | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { quick: { type: 'boolean' }, json: { type: 'boolean' } },
    });
    if (positionals.length > 1) return `One benchmark at a time, not ${positionals.join(' and ')}.`;
    return { name: positionals[0] ?? '', quick: values.quick ?? false, json: values.json ?? false };
  } catch (error) {
    return (error as Error).message;
  }
}

async function withServers(
  benchmark: Benchmark,
  quick: boolean,
  progress: (line: string) => void,
): Promise<Result> {
  const servers = await provideServices({ need: benchmark.services, log: progress });
  try {
    return await runBenchmark(benchmark, {
      quick,
      env: servers.env,
      versions: await versions(benchmark.versionsOf, benchmark.services, servers.env),
      progress,
    });
  } finally {
    await servers.stop();
  }
}
