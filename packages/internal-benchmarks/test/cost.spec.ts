import { setTimeout as elapse } from 'node:timers/promises';
import { cpuMicros, heapMiB, latencies, perSecond } from '@acme/internal-benchmarks';
import { describe, expect, it } from 'vitest';

// By CPU time and not by the clock: on a busy machine they are far apart.
const burn = (ms: number) => {
  const before = process.cpuUsage();
  while (process.cpuUsage(before).user < ms * 1_000);
};

describe('what an operation costs', () => {
  it('is CPU time: work counts, waiting does not', async () => {
    const working = await cpuMicros(10, async () => burn(100));
    const waiting = await cpuMicros(10, () => elapse(100));
    expect(working).toBeGreaterThanOrEqual(10_000);
    expect(waiting).toBeLessThan(working / 2);
  });

  it('as a rate counts elapsed time', async () => {
    const rate = await perSecond(10, () => elapse(50));
    expect(rate).toBeLessThanOrEqual(10 / 0.045);
    expect(rate).toBeGreaterThan(10);
  });

  it('as latencies has one sample per operation and keeps to the concurrency', async () => {
    let running = 0;
    let most = 0;
    const indexes: number[] = [];
    const samples = await latencies(20, 4, async (index) => {
      indexes.push(index);
      most = Math.max(most, ++running);
      await elapse(1);
      running -= 1;
    });
    expect(samples).toHaveLength(20);
    expect(new Set(indexes).size).toBe(20);
    expect(most).toBe(4);
  });
});

describe('heapMiB', () => {
  it('sees what is kept and not what is garbage', () => {
    const before = heapMiB();
    let kept: string[] | undefined = Array.from({ length: 200_000 }, (_, i) => `kept ${i}`);
    const during = heapMiB();
    expect(kept.length).toBe(200_000);
    kept = undefined;
    expect(during - before).toBeGreaterThan(3);
    expect(heapMiB() - before).toBeLessThan(1);
  });
});
