import {
  type BenchmarkRun,
  defineBenchmark,
  forPeople,
  machine,
  runBenchmark,
} from '@acme/internal-benchmarks';
import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';

type Key = 'micros' | 'ratio';

const benchmark = (run: (run: BenchmarkRun<Key>) => void) =>
  defineBenchmark<Key>({
    name: 'sample',
    title: 'A sample',
    services: [],
    figures: { micros: 'µs of CPU per message', ratio: 'ours over the peer' },
    versionsOf: [],
    run: async (given) => run(given),
  });

const measure = (run: (run: BenchmarkRun<Key>) => void, quick = false) =>
  runBenchmark(benchmark(run), {
    quick,
    env: {},
    versions: { node: '20.20.2' },
    progress: () => undefined,
  });

describe('a benchmark', () => {
  it('gives one result with all its keys, in the declared order', async () => {
    const result = await measure(({ figure, row }) => {
      figure('ratio', null);
      figure('micros', 1.5);
      row('raw', { messages: 10, perSecond: 5000 });
    }, true);
    expect(result).toMatchObject({
      name: 'sample',
      quick: true,
      versions: { node: '20.20.2' },
      table: [{ subject: 'raw', messages: 10, perSecond: 5000 }],
    });
    expect(JSON.stringify(result.figures)).toBe('{"micros":1.5,"ratio":null}');
    expect(Date.parse(result.date)).not.toBeNaN();
  });

  it.each([
    [
      'leaves a declared key out',
      (run: BenchmarkRun<Key>) => run.figure('ratio', 1),
      'did not report micros',
    ],
    [
      'reports a key twice',
      (run: BenchmarkRun<Key>) => [1, 2].forEach((n) => run.figure('ratio', n)),
      'twice',
    ],
    [
      'reports what it did not declare',
      (run: BenchmarkRun<Key>) => run.figure('other' as Key, 1),
      'without declaring',
    ],
    [
      'divides by zero',
      (run: BenchmarkRun<Key>) => run.figure('ratio', 1 / 0),
      'measured Infinity for "ratio"',
    ],
  ])('is refused when it %s', async (_, run, message) => {
    await expect(measure(run)).rejects.toThrow(message);
  });

  it('is refused without a row: the raw limit is always one', async () => {
    const noRow = ({ figure }: BenchmarkRun<Key>) => {
      figure('micros', 1);
      figure('ratio', 1);
    };
    await expect(measure(noRow)).rejects.toThrow('no row');
  });
});

describe('a bar', () => {
  const judged = (ratio: number | null) =>
    runBenchmark(
      defineBenchmark<Key>({
        ...benchmark(({ figure, row }) => {
          figure('micros', 3);
          figure('ratio', ratio);
          row('raw', {});
        }),
        bars: { micros: { atMost: 3 }, ratio: { below: 1 } },
      }),
      { quick: true, env: {}, versions: {}, progress: () => undefined },
    );

  it.each([
    [0.99, true],
    [1, false],
    [null, null],
  ])('with the figure %j is kept: %j', async (ratio, ok) => {
    const { bars } = await judged(ratio);
    expect(bars).toEqual({ micros: { atMost: 3, ok: true }, ratio: { below: 1, ok } });
  });

  it.each([
    [3, true],
    [2.9, false],
  ])('that is a floor is kept by %j: %j', async (micros, ok) => {
    const { bars } = await runBenchmark(
      defineBenchmark<Key>({
        ...benchmark(({ figure, row }) => {
          figure('micros', micros);
          figure('ratio', 1);
          row('raw', {});
        }),
        bars: { micros: { atLeast: 3 } },
      }),
      { quick: true, env: {}, versions: {}, progress: () => undefined },
    );
    expect(bars).toEqual({ micros: { atLeast: 3, ok } });
  });

  it('is shown with its figure', async () => {
    const lines = forPeople(await judged(2), { micros: 'µs', ratio: 'ours over theirs' });
    expect(lines).toMatch(/micros +3 +≤ 3 +yes +µs/);
    expect(lines).toMatch(/ratio +2 +< 1 +NO +ours over theirs/);
  });
});

describe('a comparison', () => {
  it('is in the result and in what people see', async () => {
    const comparison = {
      id: '1',
      defect: 'void',
      peer: 'peer',
      peerResult: '500',
      ours: '204',
      ok: true,
    };
    const result = await measure(({ figure, row, compare }) => {
      figure('micros', 1);
      figure('ratio', 1);
      row('raw', {});
      compare(comparison);
    });
    expect(result.correctness).toEqual([comparison]);
    expect(forPeople(result, {})).toMatch(/1 +void +peer +500 +204 +yes/);
  });
});

describe('the machine', () => {
  it('is described without naming it', () => {
    expect(machine().cores).toBeGreaterThan(0);
    expect(JSON.stringify(machine())).not.toContain(hostname());
  });
});

describe('for people', () => {
  it('shows the table, every figure with its meaning, and what was not measured', async () => {
    const result = await measure(({ figure, row }) => {
      figure('micros', 1234.567);
      figure('ratio', null);
      row('raw', { perSecond: 5000 });
      row('ours', { perSecond: 4750.5 });
    });
    const lines = forPeople(result, { micros: 'µs of CPU per message', ratio: '' }).split('\n');
    expect(lines).toContain('subject  perSecond');
    expect(lines).toContain('ours          4751');
    expect(lines.join('\n')).toMatch(/micros +1235 {2}µs of CPU per message/);
    expect(lines.join('\n')).toMatch(/ratio +not measured/);
  });
});
