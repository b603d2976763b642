import 'reflect-metadata';
import { BadRequestException, Injectable, Module } from '@nestjs/common';
import { openContext } from '@acme/internal-testing';
import {
  Idempotent,
  IdempotencyModule,
  IdempotencyService,
  InMemoryIdempotencyStore,
  type IdempotencyModuleOptions,
} from '@acme/nest-idempotency';
import { SpanStatusCode, trace } from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Gate } from './support/ledger.js';
import { Otel } from '@acme/internal-testing/otel';

const KEY = 'order-4711-of-somebody';

@Injectable()
class Jobs {
  @Idempotent({ name: 'jobs.charge', keyFrom: ({ args }) => args[0] })
  async charge(_key: string): Promise<string> {
    return otel.within('write', async () => 'done');
  }

  @Idempotent({ name: 'jobs.again', keyFrom: ({ args }) => args[0] })
  async again(key: string, depth: number): Promise<number> {
    return depth === 0 ? 0 : this.again(key, depth - 1);
  }
}

let store: InMemoryIdempotencyStore;
let otel: Otel;

beforeEach(() => {
  store = new InMemoryIdempotencyStore(() => Date.now());
  otel = new Otel('@acme/nest-idempotency');
});

afterEach(() => {
  vi.useRealTimers();
  otel.stop();
});

const open = async (options: Partial<IdempotencyModuleOptions> = {}) => {
  @Module({
    imports: [IdempotencyModule.forRoot({ namespace: 'telemetry', store, ...options })],
    providers: [Jobs],
  })
  class Root {}
  const { app } = await openContext(Root);
  const service = app.get(IdempotencyService);
  const run = (fn: () => Promise<unknown>): Promise<unknown> =>
    service.run(KEY, fn, { name: 'job' }).catch((error: unknown) => error);
  return { service, run, jobs: app.get(Jobs) };
};

const done = async (): Promise<string> => 'done';

const spanOf = (name: string) => otel.spans().filter((span) => span.name === name);
const valueOf = async (name: string, outcome: string): Promise<number> => {
  const { points } = (await otel.metrics())[name]!;
  return points
    .filter(({ attributes }) => attributes['acme.idempotency.outcome'] === outcome)
    .reduce((sum, { value }) => sum + value, 0);
};

it('makes a span around each call, between that of its caller and those of its function', async () => {
  const { jobs, service } = await open();
  await otel.within('caller', () => jobs.charge(KEY));
  await otel.within('repeating caller', () => jobs.charge(KEY));
  const [first, replay] = spanOf('idempotency jobs.charge');
  const [[caller], [write], [repeating]] = [
    spanOf('caller'),
    spanOf('write'),
    spanOf('repeating caller'),
  ];
  expect(first!.parentSpanContext!.spanId).toBe(caller!.spanContext().spanId);
  expect(write!.parentSpanContext!.spanId).toBe(first!.spanContext().spanId);
  expect(replay!.parentSpanContext!.spanId).toBe(repeating!.spanContext().spanId);
  expect(spanOf('write')).toHaveLength(1);
  const record = await service.inspect(KEY, { name: 'jobs.charge' });
  const attributes = {
    'acme.idempotency.name': 'jobs.charge',
    'acme.idempotency.kind': 'method',
    'acme.idempotency.mode': 'lease',
    'acme.idempotency.store': 'memory',
    'acme.idempotency.record_id': record!.id,
    'acme.idempotency.attempt': 1,
    'acme.idempotency.waited': false,
  };
  expect(first!.attributes).toEqual({ ...attributes, 'acme.idempotency.outcome': 'executed' });
  expect(replay!.attributes).toEqual({ ...attributes, 'acme.idempotency.outcome': 'replayed' });
  expect(first!.instrumentationScope.name).toBe('@acme/nest-idempotency');
});

it('counts and measures calls by outcome, and tells no key', async () => {
  const { run } = await open();
  await run(() => Promise.reject(new TypeError(KEY)));
  await run(done);
  await run(done);
  await run(done);
  const metrics = await otel.metrics();
  const attributes = {
    'acme.idempotency.name': 'job',
    'acme.idempotency.kind': 'method',
    'acme.idempotency.mode': 'lease',
    'acme.idempotency.store': 'memory',
    'acme.idempotency.waited': false,
  };
  const points = [
    {
      attributes: {
        ...attributes,
        'acme.idempotency.outcome': 'failed',
        'error.type': 'TypeError',
      },
      value: 1,
    },
    { attributes: { ...attributes, 'acme.idempotency.outcome': 'executed' }, value: 1 },
    { attributes: { ...attributes, 'acme.idempotency.outcome': 'replayed' }, value: 2 },
  ];
  expect(metrics['acme.idempotency.calls']).toEqual({ unit: '{call}', points });
  expect(metrics['acme.idempotency.call.duration']).toEqual({
    unit: 's',
    points: points.map((point) => expect.objectContaining(point)),
  });
  const told = otel
    .spans()
    .map(({ name, attributes: own, events, status }) => [name, own, events, status]);
  expect(JSON.stringify([metrics, told])).not.toContain(KEY);
});

it('knows how many calls are under way', async () => {
  const { run, jobs } = await open();
  const gate = new Gate();
  const active = async (): Promise<number[]> =>
    (await otel.metrics())['acme.idempotency.active_calls']!.points.map(({ value }) => value);
  const first = run(() => gate.passed);
  const waits = run(done);
  expect(await active()).toEqual([2]);
  gate.open();
  await Promise.all([first, waits]);
  await jobs.again(KEY, 2);
  expect(await active()).toEqual([0, 0]);
  expect(spanOf('idempotency jobs.again')).toHaveLength(1);
});

it('marks what an operator must see as errors, and nothing else', async () => {
  const { service } = await open({ storeIf: (status) => status === 400 });
  const statusAfter = async (fn: () => Promise<unknown>, name: string) => {
    await service.run(KEY, fn, { name }).catch(() => {});
    return otel.spans().at(-1)!.status;
  };
  const fails = (error: Error) => () => Promise.reject(error);
  expect(await statusAfter(fails(new TypeError(KEY)), 'a')).toEqual({
    code: SpanStatusCode.ERROR,
    message: 'TypeError',
  });
  const unset = { code: SpanStatusCode.UNSET };
  expect(await statusAfter(fails(new BadRequestException()), 'a')).toEqual(unset);
  // The kept error, said again.
  expect(await statusAfter(done, 'a')).toEqual(unset);
  expect(await valueOf('acme.idempotency.calls', 'error_kept')).toBe(1);
  vi.spyOn(store, 'settle').mockResolvedValue('lost');
  expect(await statusAfter(done, 'b')).toEqual({
    code: SpanStatusCode.ERROR,
    message: 'unrecorded',
  });
  vi.spyOn(store, 'claim').mockRejectedValue(new Error(KEY));
  expect(await statusAfter(done, 'c')).toEqual({
    code: SpanStatusCode.ERROR,
    message: 'IDEMPOTENCY_STORE_UNAVAILABLE',
  });
});

it('shows a lost lease in the span, and counts it', async () => {
  const { run } = await open({ lockTtl: '30ms', maxLockHold: '40ms' });
  vi.useFakeTimers();
  const gate = new Gate();
  const hanging = run(() => gate.passed);
  await vi.advanceTimersByTimeAsync(100);
  gate.open();
  await hanging;
  expect(spanOf('idempotency job')[0]!.events.map(({ name }) => name)).toEqual([
    'acme.idempotency.lease_lost',
  ]);
  const { points, unit } = (await otel.metrics())['acme.idempotency.lost_leases']!;
  expect([unit, points.map(({ value }) => value)]).toEqual(['{lease}', [1]]);
});

it('counts purged records', async () => {
  const { run, service } = await open({ ttl: 1 });
  vi.useFakeTimers();
  await run(done);
  vi.advanceTimersByTime(10);
  expect(await service.purge()).toBe(1);
  expect((await otel.metrics())['acme.idempotency.purged_records']).toEqual({
    unit: '{record}',
    points: [{ attributes: { 'acme.idempotency.store': 'memory' }, value: 1 }],
  });
});

it('gives a batch one span, and counts its items', async () => {
  const { service } = await open();
  const work = (): Promise<void> => otel.within('write', async () => {});
  const run = (fn: () => Promise<void>): Promise<unknown> =>
    service.runBatch(['a', 'a', 'b'], (item) => KEY + item, fn, { name: 'batch' });
  await expect(run(() => Promise.reject(new TypeError(KEY)))).rejects.toThrow(TypeError);
  await run(work);
  await run(work);
  const [failed, first] = spanOf('idempotency batch');
  expect(spanOf('idempotency batch')).toHaveLength(3);
  expect(spanOf('write')[0]!.parentSpanContext!.spanId).toBe(first!.spanContext().spanId);
  expect(first!.attributes).toMatchObject({ 'acme.idempotency.batch_size': 3 });
  expect(first!.status).toEqual({ code: SpanStatusCode.UNSET });
  expect(failed!.status).toEqual({ code: SpanStatusCode.ERROR, message: 'TypeError' });
  expect(await valueOf('acme.idempotency.calls', 'failed')).toBe(2);
  expect(await valueOf('acme.idempotency.calls', 'executed')).toBe(2);
  expect(await valueOf('acme.idempotency.calls', 'replayed')).toBe(4);
});

describe('an SDK', () => {
  it('may be set up after the application', async () => {
    otel.stop();
    const { run } = await open();
    await run(done);
    otel = new Otel('@acme/nest-idempotency');
    await run(done);
    expect(spanOf('idempotency job')).toHaveLength(1);
    expect(await valueOf('acme.idempotency.calls', 'replayed')).toBe(1);
    expect(await valueOf('acme.idempotency.calls', 'executed')).toBe(0);
  });

  it('may only measure, or only trace', async () => {
    const { run } = await open();
    trace.disable();
    await run(done);
    expect(await valueOf('acme.idempotency.calls', 'executed')).toBe(1);
    otel.stop();
    otel = new Otel('@acme/nest-idempotency');
    const { metrics } = await import('@opentelemetry/api');
    metrics.disable();
    await run(done);
    expect(spanOf('idempotency job')).toHaveLength(1);
  });

  it('gets the calls of all applications of the process', async () => {
    const [one, two] = [await open(), await open({ namespace: 'two' })];
    await one.run(done);
    await two.run(done);
    expect(await valueOf('acme.idempotency.calls', 'executed')).toBe(2);
    const [first, second] = spanOf('idempotency job');
    expect(first!.attributes['acme.idempotency.record_id']).not.toBe(
      second!.attributes['acme.idempotency.record_id'],
    );
  });
});
