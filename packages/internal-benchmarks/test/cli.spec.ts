import { cli, defineBenchmark } from '@acme/internal-benchmarks';
import { describe, expect, it } from 'vitest';

const registry = {
  sample: async () =>
    defineBenchmark({
      name: 'sample',
      title: 'A sample',
      services: [],
      figures: { quickness: '1 when quick' },
      versionsOf: ['vitest'],
      run: async ({ quick, figure, row, progress }) => {
        progress('measuring');
        figure('quickness', quick ? 1 : 0);
        row('raw', { operations: 1 });
      },
    }),
  slow: async () =>
    defineBenchmark({
      name: 'slow',
      title: 'Too slow, and wrong',
      services: [],
      figures: { ratio: 'ours over the peer' },
      bars: { ratio: { atMost: 1.25 } },
      versionsOf: [],
      run: async ({ figure, row, compare }) => {
        figure('ratio', 1.5);
        row('raw', { operations: 1 });
        const peer = { peer: 'peer', peerResult: '500' };
        compare({ id: '1', defect: 'void', ...peer, ours: '500', ok: false });
        compare({ id: '2', defect: 'file', ...peer, ours: '409', ok: true });
      },
    }),
};

async function call(...args: string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const exitCode = await cli(args, registry, {
    out: (text) => out.push(text),
    err: (text) => err.push(text),
  });
  return { exitCode, out, err: err.join('\n') };
}

describe('npm run bench', () => {
  it('prints one JSON object with --json, and progress elsewhere', async () => {
    const { exitCode, out, err } = await call('sample', '--quick', '--json');
    expect(exitCode).toBe(0);
    expect(out).toHaveLength(1);
    expect(JSON.parse(out[0] ?? '')).toMatchObject({
      name: 'sample',
      figures: { quickness: 1 },
      versions: { node: process.versions.node, vitest: expect.stringMatching(/^4\./) },
    });
    expect(err).toContain('measuring');
  });

  it('prints a table without it', async () => {
    const { out } = await call('sample');
    expect(out.join('')).toContain('1 when quick');
    expect(out.join('')).not.toContain('{');
  });

  it('fails when a figure misses its bar or we are wrong, and prints the result all the same', async () => {
    const { exitCode, out, err } = await call('slow', '--json');
    expect(exitCode).toBe(1);
    expect(JSON.parse(out[0] ?? '')).toMatchObject({
      bars: { ratio: { atMost: 1.25, ok: false } },
      correctness: [{ ok: false }, { ok: true }],
    });
    expect(err.split('\n')).toEqual([
      'Not good enough:',
      'ratio is 1.5; its bar is ≤ 1.25.',
      '1 (void): ours 500.',
    ]);
  });

  it.each([
    [[], 'Which benchmark? There are: sample, slow.'],
    [['other'], 'There is no benchmark "other". There are: sample, slow.'],
    [['sample', 'other'], 'One benchmark at a time'],
    [['sample', '--fast'], "Unknown option '--fast'"],
  ])('called as %j says what there is', async (args, message) => {
    const { exitCode, out, err } = await call(...args);
    expect(exitCode).toBe(2);
    expect(out).toEqual([]);
    expect(err).toContain(message);
  });
});
