// One service calls another: what comes back, how long it takes, and what goes along.
import 'reflect-metadata';
import { getEventListeners, once } from 'node:events';
import { Metadata, status as Status } from '@grpc/grpc-js';
import { freePort, openContext, openMicroservice, waitFor } from '@acme/internal-testing';
import { MessageContext, MessageContextModule } from '@acme/nest-message-context';
import {
  GrpcClientsModule,
  GrpcError,
  GrpcErrorsModule,
  InjectGrpcService,
  isRemoteError,
  recommendedLoader,
  RemoteDeadlineExceededError,
  RemoteError,
  RemoteNotFoundError,
  RemoteUnavailableError,
  type GrpcClientOptions,
  type GrpcService,
  RemoteCancelledError,
  RemoteUnknownError,
  RemoteInvalidArgumentError,
  RemoteAlreadyExistsError,
  RemotePermissionDeniedError,
  RemoteResourceExhaustedError,
  RemoteFailedPreconditionError,
  RemoteAbortedError,
  RemoteOutOfRangeError,
  RemoteUnimplementedError,
  RemoteInternalError,
  RemoteDataLossError,
  RemoteUnauthenticatedError,
  GrpcResult,
} from '@acme/nest-grpc-errors';
import { Injectable, Module } from '@nestjs/common';
import { RpcException, Transport } from '@nestjs/microservices';
import {
  concatMap,
  from,
  interval,
  lastValueFrom,
  map,
  NEVER,
  Observable,
  of,
  throwError,
  toArray,
} from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { openProbe, PROTO, type Message, type ProbeOptions } from './support/probe-app.js';
import { ProbeController, protoPath, Versions, versions } from './support/versions-example.js';

interface ProbeClient {
  unary(request: Message): Promise<Message>;
  serverStream(request: Message): Observable<Message>;
  clientStream(requests: Observable<Message>): Promise<Message>;
  bidi(requests: Observable<Message>): Observable<Message>;
}

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

@Injectable()
class Caller {
  constructor(@InjectGrpcService('probe.v1.Probe') readonly probe: GrpcService<ProbeClient>) {}
}

const clientOf = (url: string, more: Partial<GrpcClientOptions> = {}): GrpcClientOptions => ({
  packages: 'probe.v1',
  protoPath: PROTO,
  url,
  ...more,
});

/** A service that does that, and a caller of it. */
async function scene(handle: ProbeOptions['handle'], more: Partial<GrpcClientOptions> = {}) {
  const server = await openProbe({ handle });
  open.push(server);
  const { caller } = await callerOf(server.url, more);
  return { server, probe: caller.probe };
}

async function callerOf(url: string, more: Partial<GrpcClientOptions> = {}) {
  @Module({
    imports: [MessageContextModule.forRoot(), GrpcClientsModule.register([clientOf(url, more)])],
    providers: [Caller],
  })
  class CallerModule {}
  const context = await openContext(CallerModule);
  open.push(context);
  return { caller: context.app.get(Caller), close: () => context.close() };
}

const failed = (call: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(call).then(
    () => undefined,
    (error: unknown) => error,
  );

@GrpcError<OrderNotFoundError>({ code: 'NOT_FOUND', metadata: ['orderId'] })
class OrderNotFoundError extends Error {
  constructor(readonly orderId: string) {
    super(`Order ${orderId} does not exist.`);
  }
}

describe('an error that comes back', () => {
  const throwsIt = (): never => {
    throw new OrderNotFoundError('7');
  };

  it('is one of its code, with all that was sent', async () => {
    const { probe } = await scene(throwsIt);
    const error = (await failed(probe.unary({ id: 'a' }))) as RemoteError;
    expect(error).toBeInstanceOf(RemoteNotFoundError);
    expect(isRemoteError(error)).toBe(true);
    expect(error).toMatchObject({
      message: 'Order 7 does not exist.',
      code: Status.NOT_FOUND,
      status: 'NOT_FOUND',
      reason: 'ORDER_NOT_FOUND',
      domain: 'probe.test',
      metadata: { orderId: '7' },
      path: '/probe.v1.Probe/Unary',
    });
  });

  it.each([
    [1, RemoteCancelledError],
    [2, RemoteUnknownError],
    [3, RemoteInvalidArgumentError],
    [4, RemoteDeadlineExceededError],
    [5, RemoteNotFoundError],
    [6, RemoteAlreadyExistsError],
    [7, RemotePermissionDeniedError],
    [8, RemoteResourceExhaustedError],
    [9, RemoteFailedPreconditionError],
    [10, RemoteAbortedError],
    [11, RemoteOutOfRangeError],
    [12, RemoteUnimplementedError],
    [13, RemoteInternalError],
    [14, RemoteUnavailableError],
    [15, RemoteDataLossError],
    [16, RemoteUnauthenticatedError],
  ] as const)('is of the class of its code: %i', async (code, type) => {
    const { probe } = await scene(() => {
      throw new RpcException({ code, message: 'as it is' });
    });
    const error = (await failed(probe.unary({ id: 'a' }))) as RemoteError;
    expect(error).toBeInstanceOf(type);
    expect([error.constructor, error.code, error.message]).toEqual([type, code, 'as it is']);
  });

  it('is of the class that it was thrown as, where that is known', async () => {
    const { probe } = await scene(throwsIt, { errors: { 'probe.test': [OrderNotFoundError] } });
    const error = (await failed(probe.unary({ id: 'a' }))) as OrderNotFoundError;
    expect(error).toBeInstanceOf(OrderNotFoundError);
    expect([error.message, error.orderId, error.name]).toEqual([
      'Order 7 does not exist.',
      '7',
      'OrderNotFoundError',
    ]);
    expect(error.cause).toBeInstanceOf(RemoteNotFoundError);
  });

  it.each([
    ['of grpc-js', {}],
    ['of its own class', { errors: { 'probe.test': [OrderNotFoundError] } }],
  ])('says where the call was made: %s', async (_, options) => {
    const { probe } = await scene(throwsIt, options);
    async function theCaller(): Promise<unknown> {
      return probe.unary({ id: 'a' });
    }
    const error = (await failed(theCaller())) as Error;
    const [first, second] = error.stack!.split('\n');
    expect([first, second]).toEqual([
      `${error.name}: Order 7 does not exist.`,
      expect.stringMatching(/^ {4}at theCaller .*client\.int\.spec/),
    ]);
  });

  it.each([
    ['went on until its deadline', { timeout: 1 }],
    ['was given up', { signal: AbortSignal.abort() }],
    ['has no time to begin', { timeout: 0 }],
    ['has no duration for a time', { timeout: 'soon' as never }],
  ])('says where one was made that %s', async (_, options) => {
    const { probe } = await scene(() => NEVER);
    async function theCaller(): Promise<unknown> {
      return probe.unary({ id: 'a' }, options);
    }
    expect(((await failed(theCaller())) as Error).stack).toMatch(/\n {4}at theCaller /);
  });

  it('can be given another stack, as any error can', async () => {
    const { probe } = await scene(throwsIt);
    const error = (await failed(probe.unary({ id: 'a' }))) as Error;
    error.stack = 'another';
    expect(error.stack).toBe('another');
  });

  it('is not of a class that another service throws under that reason', async () => {
    const { probe } = await scene(throwsIt, { errors: { 'other.test': [OrderNotFoundError] } });
    await expect(probe.unary({ id: 'a' })).rejects.toBeInstanceOf(RemoteNotFoundError);
  });

  it.each(['serverStream', 'clientStream', 'bidi'] as const)(
    'is the same of a stream: %s',
    async (method) => {
      const { probe } = await scene(throwsIt, { errors: { 'probe.test': [OrderNotFoundError] } });
      const request = method === 'serverStream' ? { id: 'a' } : of({ id: 'a' });
      const call = probe[method](request as never);
      await expect(lastValueFrom(call)).rejects.toBeInstanceOf(OrderNotFoundError);
    },
  );

  it('says that nobody is there', async () => {
    const { caller } = await callerOf(`127.0.0.1:${await freePort()}`);
    await expect(caller.probe.unary({ id: 'a' })).rejects.toBeInstanceOf(RemoteUnavailableError);
  });
});

describe('an answer', () => {
  const echo = ({ id }: Message): Message => ({ id });

  it('is awaited, subscribed to, and gone through: each begins a call, and awaiting it twice does not', async () => {
    let calls = 0;
    const { probe } = await scene((message) => {
      calls += 1;
      return echo(message as Message);
    });
    const call = probe.unary({ id: 'a' });
    expect(call).toBeInstanceOf(GrpcResult);
    expect([await call, await call]).toEqual([{ id: 'a' }, { id: 'a' }]);
    expect(calls).toBe(1);
    await expect(lastValueFrom(call)).resolves.toEqual({ id: 'a' });
    for await (const message of probe.unary({ id: 'b' })) expect(message).toEqual({ id: 'b' });
    expect(calls).toBe(3);
  });

  it('is a stream, message by message', async () => {
    const { probe } = await scene(() => of({ id: '1' }, { id: '2' }));
    const messages: Message[] = [];
    for await (const message of probe.serverStream({ id: 'a' })) messages.push(message);
    expect(messages).toEqual([{ id: '1' }, { id: '2' }]);
    await expect(lastValueFrom(probe.serverStream({ id: 'a' }).pipe(toArray()))).resolves.toEqual(
      messages,
    );
  });

  it('ends at the other side, too, when its reader has enough', async () => {
    let ended = false;
    const { probe } = await scene(
      () =>
        new Observable((observer) => {
          const subscription = interval(5)
            .pipe(map((n) => ({ id: String(n) })))
            .subscribe(observer);
          return () => {
            ended = true;
            subscription.unsubscribe();
          };
        }),
    );
    for await (const message of probe.serverStream({ id: 'a' })) if (message.id === '2') break;
    await waitFor(() => ended);
  });

  it.each([
    ['an Observable', () => from([{ id: '1' }, { id: '2' }])],
    ['a list', () => [{ id: '1' }, { id: '2' }]],
    [
      'a generator',
      async function* generator() {
        yield { id: '1' };
        yield { id: '2' };
      },
    ],
  ])('is of what was sent: %s', async (_, requests) => {
    const { probe } = await scene((messages) =>
      (messages as Observable<Message>).pipe(
        toArray(),
        map((all) => ({ id: all.map(({ id }) => id).join() })),
      ),
    );
    await expect(probe.clientStream(requests())).resolves.toEqual({ id: '1,2' });
  });

  it('comes for each message that was sent', async () => {
    const { probe } = await scene((messages) =>
      (messages as Observable<Message>).pipe(concatMap(({ id }) => of({ id: `${id}!` }))),
    );
    await expect(
      lastValueFrom(probe.bidi([{ id: '1' }, { id: '2' }]).pipe(toArray())),
    ).resolves.toEqual([{ id: '1!' }, { id: '2!' }]);
  });

  it.each<[string, () => unknown]>([
    ['that fails', () => throwError(() => new Error('no more'))],
    [
      'of a generator that fails',
      async function* generator() {
        yield { id: '1' };
        throw new Error('no more');
      },
    ],
  ])('is not waited for with a request %s: that is what happened', async (_, requests) => {
    const { probe } = await scene(() => NEVER);
    await expect(probe.clientStream(requests() as never)).rejects.toThrow('no more');
    await expect(lastValueFrom(probe.bidi(requests() as never))).rejects.toThrow('no more');
  });

  it('is not waited for with a request that is no stream, and nothing is left of the call', async () => {
    const { probe } = await scene(() => NEVER);
    const stop = new AbortController();
    const { signal } = stop;
    await expect(probe.clientStream(7 as never, { signal })).rejects.toBeInstanceOf(TypeError);
    await expect(lastValueFrom(probe.bidi(7 as never, { signal }))).rejects.toBeInstanceOf(
      TypeError,
    );
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('leaves no listener and no warning behind, whatever number of calls a signal is for', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    const { probe } = await scene((message) => echo(message as Message));
    const { signal } = new AbortController();
    await Promise.all(Array.from({ length: 30 }, () => probe.unary({ id: 'a' }, { signal })));
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });

  it('is no answer any more when the application has shut down', async () => {
    const server = await openProbe({ handle: () => NEVER });
    open.push(server);
    const { caller, close } = await callerOf(server.url);
    const underWay = failed(caller.probe.unary({ id: 'a' }));
    await close();
    expect(await underWay).toMatchObject({ status: 'CANCELLED' });
    await expect(caller.probe.unary({ id: 'a' })).rejects.toBeInstanceOf(RemoteUnavailableError);
  });
});

describe('the time of a call', () => {
  it('is limited, whatever the other side does', async () => {
    const { probe } = await scene(() => NEVER, { timeout: '150ms' });
    await expect(probe.unary({ id: 'a' })).rejects.toBeInstanceOf(RemoteDeadlineExceededError);
    await expect(probe.unary({ id: 'a' }, { timeout: 50 })).rejects.toBeInstanceOf(
      RemoteDeadlineExceededError,
    );
  });

  it('ends when its signal says so', async () => {
    const { probe } = await scene(() => NEVER);
    const stop = new AbortController();
    const call = failed(probe.unary({ id: 'a' }, { signal: stop.signal }));
    stop.abort();
    expect(await call).toMatchObject({ status: 'CANCELLED' });
  });

  it('must be a duration', async () => {
    const { probe } = await scene(() => NEVER);
    await expect(probe.unary({ id: 'a' }, { timeout: 'soon' as never })).rejects.toThrow(
      /timeout: "soon" is not a duration/,
    );
  });
});

/** A service that calls another one, and a client of it that knows nothing of us. */
async function chain(last: ProbeOptions['handle'], how: object = {}) {
  const seen: {
    deadline: number;
    correlationId: string;
    headers: Record<string, string | undefined>;
  }[] = [];
  const c = await openProbe({
    handle: (message) => {
      const { message: inbound, correlationId } = MessageContext.require();
      seen.push({
        deadline: inbound.deadline!,
        correlationId,
        headers: {
          traceparent: inbound.headers.get('traceparent'),
          authorization: inbound.headers.get('authorization'),
        },
      });
      return last(message);
    },
  });
  open.push(c);
  const caller: { probe?: GrpcService<ProbeClient> } = {};
  @Injectable()
  class Hands {
    constructor(@InjectGrpcService('probe.v1.Probe') probe: GrpcService<ProbeClient>) {
      caller.probe = probe;
    }
  }
  @Module({
    imports: [GrpcClientsModule.register([clientOf(c.url, { timeout: '1m' })])],
    providers: [Hands],
  })
  class HandsModule {}
  const b = await openProbe({
    handle: (message) => caller.probe!.unary(message as Message, how),
    imports: [HandsModule],
  });
  open.push(b);
  return { b, seen };
}

describe('a call that is made for another one', () => {
  it('has less time than that, and belongs to it', async () => {
    const { b, seen } = await chain(() => ({ id: 'c' }));
    const metadata = new Metadata();
    metadata.set('x-correlation-id', 'corr-1');
    metadata.set('authorization', 'Bearer secret');
    metadata.set('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
    const until = Date.now() + 2_000;
    const { messages } = await b.invoke('Unary', { timeout: 2_000, metadata });
    expect(messages).toEqual([{ id: 'c' }]);
    // Not the minute of its client. What is sent is how much time is left, so that the way there adds to it.
    expect(seen[0]!.deadline).toBeLessThan(until + 1_000);
    expect(seen[0]!.deadline).toBeGreaterThan(until - 500);
    expect(seen[0]).toMatchObject({
      correlationId: 'corr-1',
      headers: {
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        authorization: undefined,
      },
    });
  });

  it('is cancelled with it', async () => {
    let aborted = false;
    const { b, seen } = await chain(() => {
      const { signal } = MessageContext.require().message;
      signal.addEventListener('abort', () => (aborted = true));
      return NEVER;
    });
    const { error } = await b.invoke('Unary', {
      onCall: (call) => void waitFor(() => seen.length === 1).then(() => call.cancel()),
    });
    expect(error?.code).toBe(Status.CANCELLED);
    await waitFor(() => aborted);
  });

  it('goes on without it where it is detached, and still belongs to it', async () => {
    const finish = new AbortController();
    const ended: boolean[] = [];
    const { b, seen } = await chain(
      async () => {
        const { signal } = MessageContext.require().message;
        await once(finish.signal, 'abort');
        ended.push(signal.aborted);
        return { id: 'c' };
      },
      { detached: true, timeout: '20s' },
    );
    const metadata = new Metadata();
    metadata.set('x-correlation-id', 'corr-2');
    const { error } = await b.invoke('Unary', {
      timeout: 2_000,
      metadata,
      onCall: (call) => void waitFor(() => seen.length === 1).then(() => call.cancel()),
    });
    expect(error?.code).toBe(Status.CANCELLED);
    finish.abort();
    await waitFor(() => ended.length === 1);
    expect(ended).toEqual([false]);
    expect(seen[0]).toMatchObject({ correlationId: 'corr-2' });
    expect(seen[0]!.deadline - Date.now()).toBeGreaterThan(10_000);
  });

  it('does not have its errors relayed: they are about something else', async () => {
    const { b } = await chain(() => {
      throw new OrderNotFoundError('7');
    });
    const { error, status } = await b.invoke('Unary');
    expect([error && Status[error.code], error?.details]).toEqual([
      'INTERNAL',
      'A service that this one needs has refused.',
    ]);
    expect(status?.details.errorInfo).toMatchObject({
      reason: 'DEPENDENCY_NOT_FOUND',
      metadata: {},
    });
  });
});

describe('two versions of a service', () => {
  it('are called side by side', async () => {
    @Module({
      imports: [MessageContextModule.forRoot(), GrpcErrorsModule.forRoot({ domain: 'probe.test' })],
      controllers: [ProbeController],
    })
    class BothModule {}
    const url = `127.0.0.1:${await freePort()}`;
    const options = {
      package: ['probe.v1', 'probe.v2'],
      protoPath,
      url,
      loader: recommendedLoader,
    };
    open.push(await openMicroservice(BothModule, { transport: Transport.GRPC, options }));
    @Module({ imports: [versions(url)], providers: [Versions] })
    class VersionsModule {}
    const context = await openContext(VersionsModule);
    open.push(context);
    const { v1, v2 } = context.app.get(Versions);
    expect([await v1.unary({ id: 'a' }), await v2.unary({ id: 'a' })]).toEqual([
      { id: 'a' },
      { id: 'a', version: '2' },
    ]);
  });
});

it('finds out where its service is when the application starts', async () => {
  const server = await openProbe({ handle: () => ({ id: 'found' }) });
  open.push(server);
  class Addresses {
    readonly probe = server.url;
  }
  @Module({ providers: [Addresses], exports: [Addresses] })
  class AddressModule {}
  @Module({
    imports: [
      MessageContextModule.forRoot(),
      GrpcClientsModule.register([
        {
          packages: 'probe.v1',
          protoPath: PROTO,
          imports: [AddressModule],
          inject: [Addresses],
          useFactory: async ({ probe }: Addresses) => ({ url: probe }),
        },
      ]),
    ],
    providers: [Caller],
  })
  class CallerModule {}
  const context = await openContext(CallerModule);
  open.push(context);
  await expect(context.app.get(Caller).probe.unary({ id: 'a' })).resolves.toEqual({ id: 'found' });
});

it('sends what is given along, also by another copy of grpc-js', async () => {
  const seen: unknown[] = [];
  const { probe } = await scene(() => {
    const { headers } = MessageContext.require().message;
    seen.push([headers.get('x-one'), headers.get('x-two')]);
    return { id: 'a' };
  });
  const metadata = new Metadata();
  metadata.set('x-one', '1');
  const foreign = {
    getMap: () => ({ 'x-two': '2' }),
    toJSON: () => ({ 'x-two': ['2'] }),
    get: () => ['2'],
  };
  await probe.unary({ id: 'a' }, { metadata });
  await probe.unary({ id: 'a' }, { metadata: foreign as never });
  await probe.unary({ id: 'a' }, { metadata: { 'x-one': '3' } });
  expect(seen).toEqual([
    ['1', undefined],
    [undefined, '2'],
    ['3', undefined],
  ]);
});

it.each<[string, object, RegExp]>([
  ['no address', { url: '' }, /probe\.v1: url: "" is no address/],
  ['no file', { protoPath: 'nowhere.proto' }, /probe\.v1: protoPath: /],
  ['a package without a service', { packages: 'probe.v9' }, /probe\.v9: there is no service of it/],
  ['no duration', { timeout: 'soon' }, /probe\.v1: timeout: "soon" is not a duration/],
  [
    'two classes of one reason',
    { errors: { 'a.test': [OrderNotFoundError, OrderNotFoundError] } },
    /have the same reason ORDER_NOT_FOUND in "a\.test"/,
  ],
])('refuses at once %s', (_, options, said) => {
  expect(() => GrpcClientsModule.register([clientOf('a:1', options)])).toThrow(said);
});

it('refuses a service that is in two clients', () => {
  expect(() => GrpcClientsModule.register([clientOf('a:1'), clientOf('b:1')])).toThrow(
    'probe.v1.Probe: is in two clients',
  );
});

it('says what is missing where nobody provides a service', async () => {
  @Module({ imports: [MessageContextModule.forRoot()], providers: [Caller] })
  class Without {}
  await expect(openContext(Without)).rejects.toThrow(
    "@InjectGrpcService('probe.v1.Probe') needs a service of that name in GrpcClientsModule.register([{ packages: 'probe.v1', … }])",
  );
});
