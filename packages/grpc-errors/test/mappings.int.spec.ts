// Who says how an error is answered, where several could.
import 'reflect-metadata';
import { status as Status } from '@grpc/grpc-js';
import {
  GrpcError,
  GrpcErrorAdvice,
  GrpcErrorsModule,
  HandlesGrpcError,
  type GrpcErrorMapping,
  type GrpcErrorRule,
} from '@acme/nest-grpc-errors';
import { Inject, Injectable, Scope, type Provider } from '@nestjs/common';
import { afterEach, describe, expect, it } from 'vitest';
import { openProbe, type ProbeOptions } from './support/probe-app.js';

let opened: Awaited<ReturnType<typeof openProbe>> | undefined;
afterEach(async () => {
  await opened?.close();
  opened = undefined;
});

async function failureOf(error: unknown, options: Partial<ProbeOptions> = {}) {
  await opened?.close();
  opened = await openProbe({
    ...options,
    handle: () => {
      throw error;
    },
  });
  const { error: answer, status } = await opened.invoke('Unary');
  return {
    code: answer && Status[answer.code],
    reason: status?.details.errorInfo?.reason,
    metadata: status?.details.errorInfo?.metadata,
    trailer: answer?.metadata.get('x-error-code'),
    log: opened.log,
  };
}

@GrpcError<PaymentError>({ code: 'ABORTED', metadata: ['kind'] })
class PaymentError extends Error {
  constructor(readonly kind: string) {
    super(kind);
  }
}

@GrpcErrorAdvice()
class PaymentAdvice {
  @HandlesGrpcError(PaymentError)
  declined({ kind }: PaymentError): GrpcErrorRule | undefined {
    return kind === 'card' ? { code: 'FAILED_PRECONDITION', reason: 'CARD_DECLINED' } : undefined;
  }
}

describe('an advice', () => {
  it.each<[string, Provider]>([
    ['as a class', PaymentAdvice],
    ['as a value', { provide: 'advice', useValue: new PaymentAdvice() }],
    ['by a factory', { provide: 'advice', useFactory: () => new PaymentAdvice() }],
  ])(
    'goes before what its class says itself, which comes next: provided %s',
    async (_, provider) => {
      const providers = [provider];
      const first = await failureOf(new PaymentError('card'), { providers });
      expect(first).toMatchObject({
        code: 'FAILED_PRECONDITION',
        reason: 'CARD_DECLINED',
        trailer: ['CARD_DECLINED'],
      });
      const second = await failureOf(new PaymentError('provider'), { providers });
      expect(second).toMatchObject({
        code: 'ABORTED',
        reason: 'PAYMENT',
        metadata: { kind: 'provider' },
      });
    },
  );

  it('may not be there twice for one class, nor beside a mapping', async () => {
    @GrpcErrorAdvice()
    class OtherAdvice {
      @HandlesGrpcError(PaymentError)
      other(): undefined {}
    }
    const handle = () => ({});
    await expect(openProbe({ handle, providers: [PaymentAdvice, OtherAdvice] })).rejects.toThrow(
      'OtherAdvice.other: something else answers PaymentError already',
    );
    const mappings: GrpcErrorMapping[] = [[PaymentError, { code: 'NOT_FOUND' }]];
    await expect(openProbe({ handle, providers: [PaymentAdvice], mappings })).rejects.toThrow(
      'PaymentAdvice.declined: something else answers PaymentError already',
    );
  });

  it('may not have an instance for each request', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Request {}
    @GrpcErrorAdvice()
    class RequestAdvice {
      constructor(@Inject(Request) readonly request: Request) {}

      @HandlesGrpcError(PaymentError)
      declined(): undefined {}
    }
    await expect(
      openProbe({ handle: () => ({}), providers: [Request, RequestAdvice] }),
    ).rejects.toThrow('RequestAdvice: has one instance for each request');
  });
});

describe('a cause', () => {
  const within = (depth: number): unknown => {
    let error: Error = new PaymentError('card');
    for (let at = 0; at < depth; at += 1) error = new Error(`${at}`, { cause: error });
    return error;
  };

  it('is looked for eight deep', async () => {
    expect((await failureOf(within(7))).code).toBe('ABORTED');
    expect((await failureOf(within(8))).code).toBe('INTERNAL');
  });
});

describe('a class that was compiled to a function', () => {
  /* eslint-disable @typescript-eslint/no-extraneous-class */
  type Old = new () => object;
  function Bare(this: object): void {
    Object.assign(this, { message: 'bare' });
  }
  function withMethod(this: object): void {
    Object.assign(this, { message: 'with a method' });
  }
  (withMethod.prototype as { tell?: unknown }).tell = () => 'x';
  function child(this: object): void {
    Object.assign(this, { message: 'child' });
  }
  child.prototype = Object.create(Bare.prototype as object, { constructor: { value: child } });

  it.each<[string, unknown]>([
    ['a name like a class', Bare],
    ['methods', withMethod],
    ['another one above it', child],
  ])('is taken for one, with %s', async (_, target) => {
    const found = await failureOf(new (target as Old)(), {
      mappings: [[target as Old, { code: 'NOT_FOUND', reason: 'OLD' }]],
    });
    expect(found).toMatchObject({ code: 'NOT_FOUND', reason: 'OLD' });
  });

  it('is not mixed up with a function that recognises errors', async () => {
    function isPayment(error: unknown): boolean {
      return (error as { kind?: unknown }).kind === 'known';
    }
    const found = await failureOf(Object.assign(new Error('x'), { kind: 'known' }), {
      mappings: [[isPayment, { code: 'NOT_FOUND', reason: 'KNOWN' }]],
    });
    expect(found).toMatchObject({ code: 'NOT_FOUND', reason: 'KNOWN' });
  });
});

describe('two classes of one name', () => {
  const another = (): new () => Error => {
    @GrpcError({ code: 'NOT_FOUND' })
    class LostError extends Error {}
    return LostError;
  };

  it('are told of when both were thrown', async () => {
    const [One, Other] = [another(), another()];
    class Child extends One {}
    const thrown = [new One(), new Child(), new Other(), new Other()];
    opened = await openProbe({
      handle: () => {
        throw thrown.shift() as Error;
      },
    });
    const told = () =>
      opened!.log.messages('warn').filter((line) => line.includes('Two classes of errors'));
    await opened.invoke('Unary');
    await opened.invoke('Unary');
    expect(told()).toEqual([]);
    await opened.invoke('Unary');
    await opened.invoke('Unary');
    expect(told()).toEqual([
      'Two classes of errors give LOST by their names (LostError), and callers cannot tell them apart. Give one a reason of its own with @GrpcError().',
    ]);
  });

  it('may not be mapped both without a reason', () => {
    const lost = (): new () => Error => class LostError extends Error {};
    const forRoot = (reason?: string) => () =>
      GrpcErrorsModule.forRoot({
        domain: 'probe.test',
        mappings: [
          [lost(), { code: 'NOT_FOUND' }],
          [lost(), { code: 'NOT_FOUND', ...(reason && { reason }) }],
        ],
      });
    expect(forRoot()).toThrow('two classes give LOST by their names');
    expect(forRoot('OTHER_LOST')).not.toThrow();
  });
});

it('a fact that cannot be written is left out, and the rest is answered', async () => {
  const error = Object.assign(new PaymentError('card'), { self: {} });
  error.self = error;
  const mappings: GrpcErrorMapping[] = [
    [PaymentError, { code: 'ABORTED', metadata: ['kind', 'self' as never] }],
  ];
  const { code, metadata } = await failureOf(error, { mappings });
  expect([code, metadata]).toEqual(['ABORTED', { kind: 'card' }]);
});

it('a function that answers later recognises nothing, and is refused', () => {
  const mappings = [[async () => false, { code: 'ABORTED', reason: 'LATER' }]] as never;
  expect(() => GrpcErrorsModule.forRoot({ domain: 'probe.test', mappings })).toThrow(
    'mappings: an async function gives a promise',
  );
});

it('facts travel as texts, and what is none does not', async () => {
  const error = Object.assign(new RangeError('x'), {
    order: { id: 7 },
    at: new Date(0),
    never: new Date(Number.NaN),
    run: () => {},
  });
  const metadata = ['order', 'at', 'never', 'run'] as never;
  const found = await failureOf(error, {
    mappings: [[RangeError, { code: 'OUT_OF_RANGE', metadata }]],
  });
  expect([found.code, found.metadata]).toEqual([
    'OUT_OF_RANGE',
    { order: '{"id":7}', at: '1970-01-01T00:00:00.000Z' },
  ]);
});

it('an advice with nothing to say leaves an error to the class above', async () => {
  class BaseError extends Error {}
  class NarrowError extends BaseError {}
  @GrpcErrorAdvice()
  class SilentAdvice {
    @HandlesGrpcError(NarrowError)
    silent(): undefined {}
  }
  const found = await failureOf(new NarrowError('x'), {
    providers: [SilentAdvice],
    mappings: [[BaseError, { code: 'ABORTED' }]],
  });
  expect([found.code, found.reason]).toEqual(['ABORTED', 'BASE']);
});
