// What becomes of the answer of another service that a handler lets through.
import 'reflect-metadata';
import { freePort, openContext } from '@acme/internal-testing';
import { Metadata, status as Status } from '@grpc/grpc-js';
import {
  GrpcClientsModule,
  GrpcError,
  InjectGrpcService,
  RemoteNotFoundError,
  type GrpcClientOptions,
  type GrpcErrorsModuleOptions,
  type GrpcService,
} from '@acme/nest-grpc-errors';
import { Injectable, Module } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { afterEach, describe, expect, it } from 'vitest';
import {
  openProbe,
  PROTO,
  probeClient,
  type Message,
  type ProbeOptions,
} from './support/probe-app.js';
import { door } from './support/rest-door.js';

const open: { close(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

@GrpcError<SoldOutError>({
  code: 'RESOURCE_EXHAUSTED',
  metadata: ['sku'],
  retryAfter: '2s',
  details: () => ({ help: { links: [{ description: 'Why', url: 'https://shop.test/why' }] } }),
})
class SoldOutError extends Error {
  readonly sku = 'a';
}

const throws = (error: unknown) => () => {
  throw error;
};

const withTrailer = (): unknown => {
  const metadata = new Metadata();
  metadata.set('x-secret', '1');
  return new RpcException({ code: 5, message: 'no order', metadata });
};

@Injectable()
class Caller {
  constructor(
    @InjectGrpcService('probe.v1.Probe')
    readonly probe: GrpcService<{ unary(request: Message): Promise<Message> }>,
  ) {}
}

async function callerOf(url: string, errors: GrpcClientOptions['errors'] = {}) {
  const clients = [{ packages: 'probe.v1', protoPath: PROTO, url, errors }];
  @Module({
    imports: [GrpcClientsModule.register(clients)],
    providers: [Caller],
    exports: [Caller],
  })
  class CallerModule {}
  const context = await openContext(CallerModule);
  open.push(context);
  return context.app.get(Caller).probe;
}

/** What callers of a service get whose handler only calls another one, which does that. */
async function relayed(
  behind: ProbeOptions['handle'],
  options: Partial<GrpcErrorsModuleOptions>,
  errors?: GrpcClientOptions['errors'],
  ofFar: Partial<GrpcErrorsModuleOptions> = {},
) {
  const far = await openProbe({ ...ofFar, handle: behind, domain: 'far.test' });
  open.push(far);
  const probe = await callerOf(far.url, errors);
  const near = await openProbe({
    domain: 'near.test',
    ...options,
    handle: () => probe.unary({ id: 'a' }),
  });
  open.push(near);
  const { error, status } = await near.invoke('Unary');
  return { code: error && Status[error.code], message: error?.details, error, ...status?.details };
}

describe('an error of another service that is let through', () => {
  it('is that something which this service needs has refused', async () => {
    const { code, errorInfo } = await relayed(throws(new SoldOutError('Sold out.')), {});
    expect([code, errorInfo]).toEqual([
      'UNAVAILABLE',
      { domain: 'near.test', reason: 'DEPENDENCY_UNAVAILABLE', metadata: {} },
    ]);
  });

  it.each([
    ['', {}],
    [' as its own class', { 'far.test': [SoldOutError] }],
  ])('is one that nobody knows, where it comes back%s: opaque', async (_, errors) => {
    const { code, message, errorInfo, requestInfo } = await relayed(
      throws(new SoldOutError('Sold out.')),
      { relay: 'opaque' },
      errors,
    );
    expect([code, message, errorInfo?.reason]).toEqual([
      'INTERNAL',
      'Internal error',
      'INTERNAL_ERROR',
    ]);
    expect(requestInfo?.requestId).toBe(errorInfo!.metadata['errorId']);
  });

  it.each([
    ['', {}],
    [' as its own class', { 'far.test': [SoldOutError] }],
  ])('is what it was, where it comes back%s: transparent', async (_, errors) => {
    const found = await relayed(
      throws(new SoldOutError('Sold out.')),
      { relay: 'transparent' },
      errors,
    );
    expect([found.code, found.message]).toEqual(['RESOURCE_EXHAUSTED', 'Sold out.']);
    expect(found.errorInfo).toEqual({
      domain: 'far.test',
      reason: 'SOLD_OUT',
      metadata: { sku: 'a' },
    });
    expect(found.help?.links).toHaveLength(1);
    expect(found.retryInfo?.retryDelay.seconds).toBe(2);
  });

  it('leaves its trailers behind, and what is for its developers: transparent', async () => {
    const { code, message, error } = await relayed(throws(withTrailer()), { relay: 'transparent' });
    expect([code, message, error?.metadata.get('x-secret')]).toEqual(['NOT_FOUND', 'no order', []]);
    const far = { details: { debugInfo: true } };
    const found = await relayed(throws(new SoldOutError('m')), { relay: 'transparent' }, {}, far);
    expect(found.debugInfo).toBeUndefined();
  });

  it('says nothing of where the other service is that is away: transparent', async () => {
    const probe = await callerOf(`127.0.0.1:${await freePort()}`);
    const near = await openProbe({ relay: 'transparent', handle: () => probe.unary({ id: 'a' }) });
    open.push(near);
    const { error } = await near.invoke('Unary');
    expect([error?.code, error?.details]).toEqual([
      Status.UNAVAILABLE,
      'The service that this is for does not answer.',
    ]);
  });

  it('is understood as clients of grpc-js have it: transparent', async () => {
    const far = await openProbe({
      handle: throws(new SoldOutError('Sold out.')),
      domain: 'far.test',
    });
    const raw = probeClient(far.url);
    open.push(far, raw);
    const near = await openProbe({
      relay: 'transparent',
      handle: async () => {
        throw (await raw.invoke('Unary')).error as Error;
      },
    });
    open.push(near);
    const { error, status } = await near.invoke('Unary');
    expect([error?.code, status?.details.errorInfo?.domain]).toEqual([8, 'far.test']);
  });

  it.each(['opaque', 'transparent'] as const)(
    'is what a mapping says of it first: %s',
    async (relay) => {
      const { code, errorInfo } = await relayed(throws(withTrailer()), {
        relay,
        mappings: [[RemoteNotFoundError, { code: 'FAILED_PRECONDITION', reason: 'NO_ORDER' }]],
      });
      expect([code, errorInfo?.reason]).toEqual(['FAILED_PRECONDITION', 'NO_ORDER']);
    },
  );
});

describe('a REST door', () => {
  it('says nothing of what a service behind it has answered: opaque', async () => {
    const found = await door(throws(new SoldOutError('Sold out.')), { relay: 'opaque' });
    expect([found.status, found.body['reason']]).toEqual([500, 'INTERNAL_ERROR']);
  });

  it('passes on what is broken behind it, too: transparent', async () => {
    const found = await door(throws(new Error('secret')), { relay: 'transparent' });
    expect([found.status, found.body['reason'], found.body['domain']]).toEqual([
      500,
      'INTERNAL_ERROR',
      'probe.test',
    ]);
  });

  it.each([
    ['map', 'The request was refused.'],
    ['transparent', 'no order'],
  ] as const)('has the words of a service of stock Nest or not: %s', async (relay, detail) => {
    const stock = { modules: [] };
    const { status, body } = await door(throws(withTrailer()), { relay, behind: stock });
    expect([status, body['detail']]).toEqual([404, detail]);
  });
});

it('an error with a code and nothing else is no answer of another service', async () => {
  const front = await openProbe({ handle: throws(Object.assign(new Error('x'), { code: 5 })) });
  open.push(front);
  const { status } = await front.invoke('Unary');
  expect(status?.details.errorInfo?.reason).toBe('INTERNAL_ERROR');
});

it.each(['PassThrough', 'PassThroughBidi'])(
  'what grpc-js says of another service is not passed on by a handler that has the call: %s',
  async (method) => {
    const upstream = await openProbe({ handle: throws(withTrailer()) });
    const client = probeClient(upstream.url);
    open.push(upstream, client);
    const { error: raw } = await client.invoke('Unary');
    const front = await openProbe({
      handle: (call, callback) => {
        if (callback) (callback as (error: unknown) => void)(raw);
        else (call as { emit(event: string, error: unknown): void }).emit('error', raw);
      },
    });
    open.push(front);
    const { error, status } = await front.invoke(method, { timeout: 1_000 });
    expect([error?.code, status?.details.errorInfo?.reason]).toEqual([
      Status.INTERNAL,
      'DEPENDENCY_NOT_FOUND',
    ]);
    expect(error!.metadata.get('x-secret')).toEqual([]);
  },
);
