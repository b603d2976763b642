// The test kit, by real calls: what it opens, what it says of an error, and what goes wrong when it is told to.
import 'reflect-metadata';
import { AssertionError } from 'node:assert';
import { credentials, loadPackageDefinition, type Client } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { waitFor } from '@acme/internal-testing';
import {
  GrpcError,
  RemoteDeadlineExceededError,
  RemoteNotFoundError,
  RemoteUnavailableError,
  type GrpcService,
} from '@acme/nest-grpc-errors';
import {
  expectGrpcError,
  faults,
  GrpcFaults,
  startGrpcTestServer,
  type GrpcErrorAssertion,
  type GrpcFault,
  type GrpcFaultScope,
  type GrpcStatusFault,
  type GrpcTestModule,
  type GrpcTestServer,
  type GrpcTestServerOptions,
} from '@acme/nest-grpc-errors/testing';
import { ConflictException } from '@nestjs/common';
import { from, throwError, type Observable } from 'rxjs';
import { afterEach, describe, expect, expectTypeOf, it } from 'vitest';
import { probeModule, PROTO, type Message, type ProbeOptions } from './support/probe-app.js';

interface Probe {
  unary(request: Message): Promise<Message>;
  read(request: Message): Promise<Message>;
  serverStream(request: Message): Observable<Message>;
}

@GrpcError<OrderNotFoundError>({ code: 'NOT_FOUND', metadata: ['orderId'] })
class OrderNotFoundError extends Error {
  constructor(readonly orderId: string) {
    super(`There is no order ${orderId}.`);
  }
}

@GrpcError({ code: 'UNAVAILABLE', reason: 'AWAY', retryAfter: '2s' })
class AwayError extends Error {}

const open: GrpcTestServer[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

const options = { packages: 'probe.v1', protoPath: PROTO };

async function scene(
  handle: ProbeOptions['handle'],
  more: Partial<GrpcTestServerOptions> = {},
): Promise<{ server: GrpcTestServer; probe: GrpcService<Probe> }> {
  const module: GrpcTestModule = probeModule({ handle, logging: false });
  const server = await startGrpcTestServer(module, { ...options, ...more });
  open.push(server);
  return { server, probe: server.client<GrpcService<Probe>>('probe.v1.Probe') };
}

const failing =
  (error: unknown): ProbeOptions['handle'] =>
  () => {
    throw error;
  };
const echo = (message: unknown): unknown => message;

async function problemOf(failed: PromiseLike<unknown>): Promise<AssertionError> {
  const problem = await Promise.resolve(failed).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(problem).toBeInstanceOf(AssertionError);
  return problem as AssertionError;
}

describe('a service that is opened', () => {
  it('answers, and two of them side by side', async () => {
    const one = await scene(() => ({ id: 'one' }));
    const two = await scene(() => ({ id: 'two' }));
    expect([await one.probe.unary({ id: 'a' }), await two.probe.unary({ id: 'a' })]).toEqual([
      { id: 'one' },
      { id: 'two' },
    ]);
    expect(one.server.url).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  it('gives classes back by what its client was told', async () => {
    const { probe } = await scene(failing(new OrderNotFoundError('7')), {
      client: { errors: { 'probe.test': [OrderNotFoundError] } },
    });
    await expect(probe.unary({ id: 'a' })).rejects.toBeInstanceOf(OrderNotFoundError);
  });

  it('is one of a module that Nest has made for tests', async () => {
    const { Test } = await import('@nestjs/testing');
    const module = await Test.createTestingModule({
      imports: [probeModule({ handle: echo, providers: [{ provide: 'answer', useValue: 1 }] })],
    })
      .overrideProvider('answer')
      .useValue(2)
      .compile();
    let configured = 0;
    const server = await startGrpcTestServer(module, {
      ...options,
      configure: () => (configured += 1),
    });
    open.push(server);
    expect(server.app.get('answer')).toBe(2);
    expect(configured).toBe(1);
    await expect(
      server.client<GrpcService<Probe>>('probe.v1.Probe').unary({ id: 'a' }),
    ).resolves.toEqual({ id: 'a' });
  });

  it('leaves nothing open where it does not start', async () => {
    const module = probeModule({ handle: echo });
    await expect(
      startGrpcTestServer(module, { ...options, client: { timeout: 'soon' as never } }),
    ).rejects.toThrow('timeout: "soon" is not a duration');
  });

  it('ends calls that are under way with itself', async () => {
    let came = false;
    const { server, probe } = await scene(() => {
      came = true;
      return new Promise(() => {});
    });
    const call = Promise.resolve(probe.unary({ id: 'a' }));
    const ended = expectGrpcError(call).toHaveStatus('CANCELLED');
    await waitFor(() => came);
    open.splice(0);
    await server.close();
    await ended;
    await expect(probe.unary({ id: 'a' })).rejects.toThrow('the application has shut down');
  });
});

describe('what is expected of an error', () => {
  it('is said of a call, of all its facts at once', async () => {
    const { probe } = await scene(failing(new OrderNotFoundError('7')));
    await expectGrpcError(probe.unary({ id: 'a' }))
      .toHaveStatus('NOT_FOUND')
      .toHaveReason('ORDER_NOT_FOUND')
      .toHaveReason('ORDER_NOT_FOUND', 'probe.test')
      .toHaveMetadata({ orderId: '7' });
  });

  it('is said of a stream, of a class that came back, and of what grpc-js alone has', async () => {
    const { server, probe } = await scene(failing(new OrderNotFoundError('7')), {
      client: { errors: { 'probe.test': [OrderNotFoundError] } },
    });
    await expectGrpcError(probe.serverStream({ id: 'a' })).toHaveReason('ORDER_NOT_FOUND');
    await expectGrpcError(probe.unary({ id: 'a' })).toHaveReason('ORDER_NOT_FOUND', 'probe.test');
    const { probe: stock } = loadPackageDefinition(loadSync(PROTO)) as never as {
      probe: { v1: { Probe: new (...args: unknown[]) => Client & Record<string, Function> } };
    };
    const client = new stock.v1.Probe(server.url, credentials.createInsecure());
    const raw = new Promise((_, reject) => client['unary']!({ id: 'a' }, reject));
    await expectGrpcError(raw)
      .toHaveStatus('NOT_FOUND')
      .toHaveReason('ORDER_NOT_FOUND', 'probe.test')
      .toHaveMetadata({ orderId: '7' });
    client.close();
  });

  it('is said of fields', async () => {
    const invalid = Object.assign(new Error('not valid'), {
      issues: [{ path: ['items', 0, 'sku'], message: 'Required', code: 'invalid_type' }],
    });
    const { probe } = await scene(failing(invalid));
    await expectGrpcError(probe.unary({ id: 'a' }))
      .toHaveStatus('INVALID_ARGUMENT')
      .toHaveViolation('items[0].sku')
      .toHaveViolation('items[0].sku', 'INVALID_TYPE');
    const { actual, expected } = await problemOf(
      expectGrpcError(Promise.reject(invalid)).toHaveViolation('items[1].sku'),
    );
    expect([actual, expected]).toEqual([
      [{ field: 'items[0].sku', reason: 'INVALID_TYPE' }],
      [{ field: 'items[1].sku' }],
    ]);
  });

  it('is said of when to ask again', async () => {
    const { probe } = await scene(failing(new AwayError('away')), { client: { retry: false } });
    await expectGrpcError(probe.read({ id: 'a' }))
      .toBeRetryable()
      .toBeRetryable('2s');
  });

  it('is said of what a service has thrown, before there is any call', async () => {
    expectGrpcError(new OrderNotFoundError('7'))
      .toHaveStatus('NOT_FOUND')
      .toHaveReason('ORDER_NOT_FOUND', 'test')
      .toHaveMetadata({ orderId: '7' });
    expectGrpcError(failing(new ConflictException())).toHaveStatus('ALREADY_EXISTS');
    await expectGrpcError(async () => {
      throw new AwayError('away');
    }).toBeRetryable(2_000);
    await expectGrpcError(
      throwError(() => new RangeError('x')),
      {
        domain: 'orders.test',
        mappings: [[RangeError, { code: 'OUT_OF_RANGE', reason: 'TOO_FAR' }]],
      },
    )
      .toHaveStatus('OUT_OF_RANGE')
      .toHaveReason('TOO_FAR', 'orders.test');
    expectGrpcError(new Error('who knows')).toHaveStatus('INTERNAL');
  });

  const notFound = new RemoteNotFoundError({
    code: 5,
    message: 'gone',
    path: '/a.B/C',
    details: { errorInfo: { reason: 'GONE', domain: 'a.test', metadata: { id: '7' } } },
  });
  it.each<[string, (one: GrpcErrorAssertion) => unknown, unknown, unknown]>([
    ['toHaveStatus', (one) => one.toHaveStatus('INTERNAL'), 'NOT_FOUND', 'INTERNAL'],
    ['toHaveReason', (one) => one.toHaveReason('LOST'), 'GONE', 'LOST'],
    [
      'toHaveReason',
      (one) => one.toHaveReason('GONE', 'b.test'),
      { reason: 'GONE', domain: 'a.test' },
      { reason: 'GONE', domain: 'b.test' },
    ],
    ['toHaveMetadata', (one) => one.toHaveMetadata({ id: '8' }), { id: '7' }, { id: '8' }],
    ['toHaveViolation', (one) => one.toHaveViolation('a'), [], [{ field: 'a' }]],
    ['toBeRetryable', (one) => one.toBeRetryable(), 'NOT_FOUND', 'UNAVAILABLE, or a RetryInfo'],
  ])(
    'fails with what it has and should have: %s',
    async (operator, expectation, actual, expected) => {
      // Of an error at once, of a call when it has failed: nothing passes that nobody awaits.
      expect(() => expectation(expectGrpcError(notFound))).toThrow(AssertionError);
      const problem = await problemOf(
        expectation(expectGrpcError(Promise.reject(notFound))) as GrpcErrorAssertion,
      );
      expect(problem).toMatchObject({ operator, actual, expected, name: 'AssertionError' });
      expect(problem.message).toContain('The call failed with NOT_FOUND (GONE): gone');
      expect(problem.stack).toContain('testing.int.spec');
    },
  );

  it('fails where there is no error, or it is retried at another time', async () => {
    expect(await problemOf(expectGrpcError(Promise.resolve({ id: 'a' })))).toMatchObject({
      message: "The call was to fail, and was answered with { id: 'a' }.",
      actual: { id: 'a' },
    });
    expect(await problemOf(expectGrpcError(from([1, 2])))).toMatchObject({ actual: 2 });
    expect(await problemOf(expectGrpcError(() => 3))).toMatchObject({ actual: 3 });
    expect(
      await problemOf(
        expectGrpcError(async () => Promise.reject(new AwayError('a'))).toBeRetryable('3s'),
      ),
    ).toMatchObject({
      actual: 2_000,
      expected: 3_000,
    });
  });
});

describe('what goes wrong', () => {
  it('is latency: a call is late, and fails when its time is up', async () => {
    const wrong = faults();
    const { probe } = await scene(echo, { faults: wrong });
    wrong.latency('150ms');
    const began = performance.now();
    await expect(probe.unary({ id: 'a' })).resolves.toEqual({ id: 'a' });
    expect(performance.now() - began).toBeGreaterThanOrEqual(149);
    await expect(probe.unary({ id: 'a' }, { timeout: 50 })).rejects.toBeInstanceOf(
      RemoteDeadlineExceededError,
    );
  });

  it('is a status, so often: the client asks again', async () => {
    const wrong = faults();
    const { probe } = await scene(echo, { faults: wrong, client: { retry: { initial: 5 } } });
    const fault = wrong.status('UNAVAILABLE', { times: 2 });
    await expect(probe.read({ id: 'a' })).resolves.toEqual({ id: 'a' });
    expect(fault.hits).toBe(2);
    wrong.status('UNAVAILABLE', { times: 1, message: 'gone for a while' });
    await expect(probe.unary({ id: 'a' })).rejects.toThrow('gone for a while');
  });

  it('is a status that says when to ask again, or never to', async () => {
    const wrong = faults();
    const { probe } = await scene(echo, { faults: wrong, client: { retry: { initial: 1 } } });
    wrong.status('UNAVAILABLE', { times: 1, retryAfter: '200ms' });
    const began = performance.now();
    await probe.read({ id: 'a' });
    expect(performance.now() - began).toBeGreaterThanOrEqual(199);
    const never = wrong.status('UNAVAILABLE', { pushback: -1, retryAfter: '5ms' });
    await expectGrpcError(probe.read({ id: 'a' })).toBeRetryable('5ms');
    expect(never.hits).toBe(1);
  });

  it('is a connection that is lost: the client asks again on another', async () => {
    const wrong = faults();
    const { probe } = await scene(echo, { faults: wrong, client: { retry: { initial: 5 } } });
    const fault = wrong.drop({ times: 1 });
    await expect(probe.read({ id: 'a' })).resolves.toEqual({ id: 'a' });
    expect(fault.hits).toBe(1);
    wrong.drop({ times: 1 });
    await expect(probe.unary({ id: 'a' })).rejects.toBeInstanceOf(RemoteUnavailableError);
  });

  it.each(['silence', 'trailerOverflow'] as const)(
    'is nothing at all, and the client has enough of it in time: %s',
    async (kind) => {
      const wrong = faults();
      const { probe } = await scene(echo, { faults: wrong, client: { timeout: '200ms' } });
      const fault = wrong[kind]();
      await expect(probe.unary({ id: 'a' })).rejects.toBeInstanceOf(RemoteDeadlineExceededError);
      expect(fault.hits).toBe(1);
    },
  );

  it('goes wrong with one method, until that is over', async () => {
    const wrong = new GrpcFaults();
    const { probe } = await scene(echo, {
      channelOptions: { interceptors: [wrong.interceptor] },
      client: { retry: false },
    });
    const fault = wrong.status('ABORTED', { method: 'probe.v1.Probe/Read' });
    await expect(probe.unary({ id: 'a' })).resolves.toEqual({ id: 'a' });
    await expectGrpcError(probe.read({ id: 'a' })).toHaveStatus('ABORTED');
    await expectGrpcError(probe.read({ id: 'a' })).toHaveStatus('ABORTED');
    wrong.reset();
    await expect(probe.read({ id: 'a' })).resolves.toEqual({ id: 'a' });
    expect(fault.hits).toBe(2);
  });

  it.each<[string, (wrong: GrpcFaults) => GrpcFault]>([
    ['no status', (wrong) => wrong.status('OK' as never)],
    ['no method', (wrong) => wrong.silence({ method: 'Read' })],
    ['no number', (wrong) => wrong.drop({ times: 0 })],
    ['no duration', (wrong) => wrong.latency('soon' as never)],
  ])('is refused where it is %s', (_, add) => {
    expect(() => add(faults())).toThrow(/ is no|is none/);
  });
});

it('exports these types', () => {
  expectTypeOf<GrpcStatusFault>().toExtend<GrpcFaultScope>();
});
