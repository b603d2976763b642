import { alternate } from '@acme/internal-benchmarks';
import { setTimeout as elapse } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

describe('alternate', () => {
  it('lets subjects take turns, in the other order every other round, and drops the warm-up', async () => {
    const order: string[] = [];
    const subject = (name: string) => async () => void order.push(name);
    const samples = await alternate(
      { ours: subject('ours'), raw: subject('raw') },
      { rounds: 2, turn: 1, concurrent: 1, warmup: 1 },
    );
    expect(order).toEqual(['ours', 'raw', 'raw', 'ours', 'ours', 'raw']);
    expect(samples.ours).toHaveLength(2);
    expect(samples.raw).toHaveLength(2);
  });

  it('has as many operations under way as it was told, and never those of two subjects', async () => {
    let most = 0;
    const running = new Map<string, number>();
    const subject = (name: string) => async () => {
      running.set(name, (running.get(name) ?? 0) + 1);
      expect([...running.values()].filter((count) => count > 0)).toHaveLength(1);
      most = Math.max(most, running.get(name) ?? 0);
      await elapse(1);
      running.set(name, (running.get(name) ?? 0) - 1);
    };
    const load = { rounds: 2, turn: 12, concurrent: 4, warmup: 0 };
    const samples = await alternate({ ours: subject('ours'), raw: subject('raw') }, load);
    expect(most).toBe(4);
    expect(samples.ours).toHaveLength(24);
  });

  it('never gives an index twice, also not to a later call: a key made of it would be a replay', async () => {
    const indexes: number[] = [];
    const subject = async (index: number) => void indexes.push(index);
    const load = { rounds: 3, turn: 2, concurrent: 1, warmup: 1 };
    await alternate({ ours: subject, raw: subject }, load);
    await alternate({ ours: subject, raw: subject }, load);
    expect(indexes).toHaveLength(32);
    expect(new Set(indexes).size).toBe(32);
  });
});
