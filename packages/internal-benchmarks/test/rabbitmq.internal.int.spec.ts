import 'reflect-metadata';
import { testBroker } from '@acme/internal-testing';
import { runBenchmark, type Result } from '@acme/internal-benchmarks';
import { beforeAll, describe, expect, it } from 'vitest';
import { rabbitmqWith } from '../src/benchmarks/rabbitmq.js';
import { contestants } from '../src/benchmarks/rabbitmq/behaviour/contestants.js';
import { scenarios } from '../src/benchmarks/rabbitmq/behaviour/scenarios.js';
import { TINY } from '../src/benchmarks/rabbitmq/loads.js';

const SHORT = scenarios.filter(({ isShort }) => isShort);

describe('bench rabbitmq, in its smallest form', () => {
  let result: Result;

  beforeAll(async () => {
    const { url } = await testBroker();
    const settings = { quick: true, env: { AMQP_URL: url }, versions: {}, progress: () => {} };
    result = await runBenchmark(
      rabbitmqWith(() => TINY),
      settings,
    );
  });

  // How fast we are with two hundred messages, on a machine that runs other tests meanwhile, says nothing.
  it('measures every figure', () => {
    const { drainLost, ...rates } = result.figures;
    expect(Object.values(rates).filter((value) => value === null || value <= 0)).toEqual([]);
    expect(drainLost).toBe(0);
  });

  it('plays its short scenarios with everybody', () => {
    expect(result.behaviour).toHaveLength(SHORT.length * Object.keys(contestants).length);
  });

  it.each(SHORT.map(({ title }) => title))('shows ours as promised: %s', (title) => {
    const ours = result.behaviour.filter(
      ({ scenario, subject }) => scenario === title && String(subject).startsWith('ours'),
    );
    expect(ours).toHaveLength(2);
    expect(ours.filter(({ ok }) => ok !== true)).toEqual([]);
  });
});
