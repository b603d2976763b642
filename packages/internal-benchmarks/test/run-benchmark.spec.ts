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
