import type { BenchmarkRun } from '../../benchmark.js';
import { withChildren } from './children.js';
import type { Key } from './figures.js';
import type { Loads } from './loads.js';

/** What calls leave behind that have ended, half of them badly. */
export async function whatIsLeft(
  { figure, progress }: BenchmarkRun<Key>,
  { manyCalls }: Loads,
): Promise<void> {
  progress(`What ${manyCalls} calls leave behind`);
  await withChildren(['ours'] as const, 11, async ({ ours }) => {
    // What is made once is not left behind.
    await ours.ask('listeners', 1_000);
    const before = await ours.ask('heap');
    figure('listenersLeft', await ours.ask('listeners', manyCalls));
    figure('heapGrowthMiB', (await ours.ask('heap')) - before);
  });
}
