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

  it.each([
    [[], 'Which benchmark? There are: sample.'],
    [['other'], 'There is no benchmark "other". There are: sample.'],
    [['sample', 'other'], 'One benchmark at a time'],
    [['sample', '--fast'], "Unknown option '--fast'"],
  ])('called as %j says what there is', async (args, message) => {
    const { exitCode, out, err } = await call(...args);
    expect(exitCode).toBe(2);
    expect(out).toEqual([]);
    expect(err).toContain(message);
  });
});
