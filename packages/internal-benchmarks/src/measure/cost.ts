import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * CPU time per operation, in µs, of this process with all its threads (the collector's and the compiler's too), while
 * `work` does `operations` of them. Unlike elapsed time it does not blame us for what else the machine does.
 */
export async function cpuMicros(operations: number, work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / operations;
}

/** Operations per second of elapsed time. */
export async function perSecond(operations: number, work: () => Promise<unknown>): Promise<number> {
  const before = performance.now();
  await work();
  return operations / ((performance.now() - before) / 1000);
}

/** Elapsed milliseconds of every single operation, `concurrency` of them under way at a time. */
export async function latencies(
  operations: number,
  concurrency: number,
  operation: (index: number) => Promise<unknown>,
): Promise<number[]> {
  const elapsed: number[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < operations) {
      const index = next++;
      const before = performance.now();
      await operation(index);
      elapsed.push(performance.now() - before);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return elapsed;
}

let collect: (() => void) | undefined;

/** The JavaScript heap in MiB after a full collection. */
export function heapMiB(): number {
  if (!collect) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
  return process.memoryUsage().heapUsed / 2 ** 20;
}
