import { runBenchmark, type Result } from '@acme/internal-benchmarks';
import { beforeAll, describe, expect, it } from 'vitest';
import { grpcWith } from '../src/benchmarks/grpc.js';
import { TINY } from '../src/benchmarks/grpc/loads.js';

describe('bench grpc, in its smallest form', () => {
  let result: Result;

  beforeAll(async () => {
    const settings = { quick: true, env: {}, versions: {}, progress: () => {} };
    result = await runBenchmark(
      grpcWith(() => TINY),
      settings,
    );
  });

  // How fast we are with fifty calls, on a machine that runs other tests meanwhile, says nothing.
  it('measures every figure', () => {
    expect(Object.values(result.figures)).not.toContain(null);
  });

  it('finds no listener that a call has left', () => {
    expect(result.figures['listenersLeft']).toBe(0);
  });

  it('measures everybody, in process and over loopback', () => {
    const subjects = new Set(result.table.map(({ subject, where }) => `${subject} ${where}`));
    expect(subjects.size).toBe(9 + 4 + 2 + 6);
  });
});
