import { defineBenchmark, forPeople, runBenchmark } from '@acme/internal-benchmarks';
import { describe, expect, it } from 'vitest';
import { shortcomings } from '../src/run-benchmark.js';

describe('what was observed', () => {
  const observed = (ok: boolean | null) =>
    runBenchmark(
      defineBenchmark({
        name: 'sample',
        title: 'A sample',
        services: [],
        figures: {},
        versionsOf: [],
        run: async ({ row, observe }) => {
          row('raw', {});
          observe({ scenario: 'power cut', subject: 'ours', lost: 2, recoveryMs: 'never', ok });
        },
      }),
      { quick: true, env: {}, versions: {}, progress: () => undefined },
    );

  it.each([
    [true, 'yes', 0],
    [false, 'NO', 1],
    [null, '', 0],
  ])('is in the result and shown; expected: %j', async (ok, shown, failures) => {
    const result = await observed(ok);
    expect(result.behaviour).toEqual([
      { scenario: 'power cut', subject: 'ours', lost: 2, recoveryMs: 'never', ok },
    ]);
    const line = forPeople(result, {})
      .split('\n')
      .find((one) => one.includes('power cut'));
    expect(line).toMatch(new RegExp(`power cut +ours +2 +never *${shown}$`));
    expect(shortcomings(result)).toHaveLength(failures);
  });
});
