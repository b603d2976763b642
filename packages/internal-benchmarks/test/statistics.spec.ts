import { interleave, median, percentile } from '@acme/internal-benchmarks';
import { describe, expect, it } from 'vitest';

describe('median', () => {
  it.each([
    [[3], 3],
    [[10, 9, 100], 10],
    [[4, 1, 3, 2], 2.5],
  ])('of %j is %d', (samples, expected) => {
    expect(median(samples)).toBe(expected);
  });

  it('refuses to summarise nothing', () => {
    expect(() => median([])).toThrow('no samples');
  });
});

describe('percentile', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);

  it('is a sample, by nearest rank', () => {
    expect(percentile(hundred, 0.5)).toBe(50);
    expect(percentile(hundred, 0.99)).toBe(99);
    expect(percentile([7, 9], 0.99)).toBe(9);
  });

  it('reaches from the smallest to the largest sample', () => {
    expect(percentile(hundred, 0)).toBe(1);
    expect(percentile(hundred, 1)).toBe(100);
  });
});

describe('interleave', () => {
  it('measures every subject once per round, in the same order, and drops the warm-up', async () => {
    const order: string[] = [];
    const subject = (name: string) => () => order.push(name);
    const samples = await interleave(
      { ours: subject('ours'), raw: subject('raw') },
      { rounds: 2, warmup: 1 },
    );
    expect(order).toEqual(['ours', 'raw', 'ours', 'raw', 'ours', 'raw']);
    expect(samples).toEqual({ ours: [3, 5], raw: [4, 6] });
  });
});
