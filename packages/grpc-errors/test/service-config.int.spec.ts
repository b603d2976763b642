// What the channel does by itself, seen by a client of grpc-js alone: timeouts and attempts as they were said.
import 'reflect-metadata';
import { credentials, loadPackageDefinition, type Client, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import {
  GrpcErrorsConfigurationError,
  grpcServiceConfig,
  type GrpcServiceCalls,
  type GrpcServiceConfigOptions,
  type GrpcServiceRetry,
} from '@acme/nest-grpc-errors';
import { faults, startGrpcTestServer } from '@acme/nest-grpc-errors/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { probeModule, PROTO } from './support/probe-app.js';

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

type Unary = (request: object, done: (error: ServiceError | null) => void) => void;
const { probe } = loadPackageDefinition(loadSync(PROTO)) as never as {
  probe: {
    v1: { Probe: new (...args: unknown[]) => Client & Record<'unary' | 'read', Unary> };
  };
};

async function scene(config: string) {
  const wrong = faults();
  const server = await startGrpcTestServer(
    probeModule({ handle: (message) => message, logging: false }),
    { packages: 'probe.v1', protoPath: PROTO, faults: wrong },
  );
  open.push(() => server.close());
  const client = new probe.v1.Probe(server.url, credentials.createInsecure(), {
    'grpc.service_config': config,
  });
  open.push(() => client.close());
  const call = (method: 'unary' | 'read' = 'unary') =>
    new Promise<{ code: number; ms: number }>((done) => {
      const began = performance.now();
      client[method]({ id: 'a' }, (error) =>
        done({ code: error?.code ?? 0, ms: performance.now() - began }),
      );
    });
  return { wrong, call };
}

describe('a channel', () => {
  it('has calls end when they have taken so long', async () => {
    const { wrong, call } = await scene(grpcServiceConfig({ timeout: '0.5s' }));
    expect(await call()).toMatchObject({ code: 0 });
    wrong.silence();
    const { code, ms } = await call();
    expect(code).toBe(4);
    expect(ms).toBeGreaterThanOrEqual(490);
    expect(ms).toBeLessThan(5_000);
  });

  it('would have them end at once by a text: that is why it is none', async () => {
    const methodConfig = [{ name: [{}], timeout: '0.5s' }];
    const { call } = await scene(JSON.stringify({ methodConfig }));
    const { code, ms } = await call();
    expect(code).toBe(4);
    expect(ms).toBeLessThan(400);
  });

  it('lets calls take more than a month, of which grpc-js would make none', async () => {
    const { call } = await scene(grpcServiceConfig({ timeout: '30d' }));
    expect(await call()).toMatchObject({ code: 0 });
  });

  it('makes calls again, so often and of these codes', async () => {
    const retry: GrpcServiceRetry = { attempts: 4, initial: 5, max: 20, codes: ['UNAVAILABLE'] };
    const { wrong, call } = await scene(grpcServiceConfig({ retry }));
    const away = wrong.status('UNAVAILABLE', { times: 3 });
    expect(await call()).toMatchObject({ code: 0 });
    expect(away.hits).toBe(3);
    const aborted = wrong.status('ABORTED');
    expect(await call()).toMatchObject({ code: 10 });
    expect(aborted.hits).toBe(1);
  });

  it('waits so long before it does', async () => {
    const retry = { attempts: 2, initial: 250, max: '1s' } as const;
    const { wrong, call } = await scene(grpcServiceConfig({ retry }));
    wrong.status('UNAVAILABLE', { times: 1 });
    const { ms } = await call();
    expect(ms).toBeGreaterThanOrEqual(200);
  });

  it('does for a method what is said of it, of its service and of all, the nearest first', async () => {
    const one: GrpcServiceCalls = { retry: false };
    const options: GrpcServiceConfigOptions = {
      timeout: '300ms',
      methods: {
        'probe.v1.Probe/Read': one,
        'probe.v1.Probe': { retry: { attempts: 2, initial: 1 } },
      },
    };
    const { wrong, call } = await scene(grpcServiceConfig(options));
    const first = wrong.status('UNAVAILABLE', { times: 1 });
    expect(await call('read')).toMatchObject({ code: 14 });
    expect(first.hits).toBe(1);
    wrong.status('UNAVAILABLE', { times: 1 });
    expect(await call('unary')).toMatchObject({ code: 0 });
    wrong.silence();
    expect((await Promise.all([call('read'), call('unary')])).map(({ code }) => code)).toEqual([
      4, 4,
    ]);
  });
});

it('is a text with all that was said', () => {
  expect(
    JSON.parse(
      grpcServiceConfig({ timeout: 1_500, waitForReady: true, loadBalancing: 'round_robin' }),
    ),
  ).toEqual({
    methodConfig: [{ name: [{}], timeout: { seconds: 1, nanos: 500_000_000 }, waitForReady: true }],
    loadBalancingConfig: [{ round_robin: {} }],
  });
});

it('has of a method what was said of its service, and of a service what was said of all', () => {
  const methods: GrpcServiceConfigOptions['methods'] = {
    'a.v1.A/Get': { waitForReady: false },
    'a.v1.A': { timeout: 2_000 },
  };
  const { methodConfig } = JSON.parse(
    grpcServiceConfig({ timeout: 1_000, waitForReady: true, methods }),
  ) as { methodConfig: object[] };
  const timeout = { seconds: 2, nanos: 0 };
  expect(methodConfig.slice(1)).toEqual([
    { name: [{ service: 'a.v1.A', method: 'Get' }], timeout, waitForReady: false },
    { name: [{ service: 'a.v1.A' }], timeout, waitForReady: true },
  ]);
});

it('says all that is wrong at once', () => {
  const wrong = () =>
    grpcServiceConfig({
      timeout: 'soon' as never,
      loadBalancing: 'random' as never,
      retry: { attempts: 7, multiplier: 0, codes: ['GONE' as never], more: 1 } as never,
      nope: 1,
      methods: {
        Order: { waitForReady: 'yes' as never },
        'a b': {},
        'order.v1.OrderService/GetOrder': { retry: { attempts: 1 }, tiemout: 1 },
      },
    } as GrpcServiceConfigOptions);
  let problems: readonly string[] = [];
  try {
    wrong();
  } catch (error) {
    ({ problems } = error as GrpcErrorsConfigurationError);
  }
  expect(wrong).toThrow(GrpcErrorsConfigurationError);
  expect(problems).toEqual([
    'options.nope: there is no such option. Known are timeout, retry, waitForReady, methods, loadBalancing.',
    'loadBalancing: "random" is none of pick_first, round_robin.',
    `timeout: "soon" is not a duration. Give milliseconds above 0, or '250ms', '30s', '5m', '7d'.`,
    'retry.more: there is no such option. Known are attempts, initial, max, multiplier, codes.',
    'retry.attempts: the channel makes 5 of 7, and says nothing. Give 2 to 5, or leave it out here and give retry.attempts to GrpcClientsModule: that takes 10.',
    'retry.multiplier: 0 is no number above 0.',
    `retry.codes: ["GONE"] are no statuses of errors. Give some by name, such as ['UNAVAILABLE'].`,
    'methods["Order"].waitForReady: "yes" is not a boolean. Give true or false.',
    `methods: "a b" is none. Give 'order.v1.OrderService', or 'order.v1.OrderService/GetOrder'.`,
    'methods["order.v1.OrderService/GetOrder"].tiemout: there is no such option. Known are timeout, retry, waitForReady.',
    'methods["order.v1.OrderService/GetOrder"].retry.attempts: 1 is no retry. Give retry: false.',
  ]);
  expect(() => grpcServiceConfig({ retry: null as never })).toThrow('retry: null is not an object');
});

it('has all that is said of a retry', () => {
  const retry = { attempts: 4, initial: 50, max: '2s', multiplier: 3, codes: ['ABORTED'] } as const;
  const { methodConfig } = JSON.parse(grpcServiceConfig({ retry })) as { methodConfig: object[] };
  expect(methodConfig[0]).toMatchObject({
    retryPolicy: {
      maxAttempts: 4,
      initialBackoff: '0.050000s',
      maxBackoff: '2.000000s',
      backoffMultiplier: 3,
      retryableStatusCodes: ['ABORTED'],
    },
  });
  expect(() => grpcServiceConfig({ retry: { codes: ['OK' as never] } })).toThrow('no statuses of');
});
