import 'reflect-metadata';
import {
  BadRequestException,
  ConflictException,
  HttpException,
  RequestTimeoutException,
  ServiceUnavailableException,
} from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import {
  DeadLetter,
  decisionFor,
  Discard,
  isMessageContextError,
  MessageContextMissingError,
  NonRetryableError,
  Requeue,
  RetryLater,
  SIGNAL,
  signalOf,
  STATUS,
  statusOf,
  type SettleDecision,
} from '@acme/nest-message-context';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const retry: SettleDecision = { action: 'retry', afterMs: undefined, countAttempt: true };
const park = (code: string, reason: string): SettleDecision => ({ action: 'park', code, reason });
const decide = (error: unknown): SettleDecision => decisionFor(error);
const grpc = (code: number): Error => Object.assign(new Error('rpc'), { code, details: 'said' });
const withStatus = (status: unknown): Error =>
  Object.assign(new Error('own'), { [STATUS]: status });

describe('what becomes of a failed delivery', () => {
  it.each<[string, unknown, SettleDecision]>([
    ['NonRetryableError', new NonRetryableError('BAD', { message: 'no' }), park('BAD', 'no')],
    ['DeadLetter', new DeadLetter('LOOK', { message: 'at it' }), park('LOOK', 'at it')],
    [
      'RetryLater',
      new RetryLater({ after: 7 }),
      { action: 'retry', afterMs: 7, countAttempt: true },
    ],
    [
      'RetryLater that does not count',
      new RetryLater({ after: 0, countAttempt: false }),
      { action: 'retry', afterMs: 0, countAttempt: false },
    ],
    ['Requeue', new Requeue(), { action: 'requeue' }],
    ['Discard', new Discard('OLD'), { action: 'ack' }],
    ['any error with a decision', { [SIGNAL]: { action: 'reject' } }, { action: 'reject' }],
    ['a decision nobody knows', { [SIGNAL]: { action: 'explode' } }, retry],
    ['a decision that is none', { [SIGNAL]: true }, retry],

    ['400', new BadRequestException('n is wrong'), park('HTTP_400', 'n is wrong')],
    ['409', new ConflictException('twice'), park('HTTP_409', 'twice')],
    ['408', new RequestTimeoutException(), retry],
    ['425', new HttpException('too early', 425), retry],
    ['429', new HttpException('slow down', 429), retry],
    ['503', new ServiceUnavailableException(), retry],
    ['302', new HttpException('moved', 302), retry],

    ['RpcException with a word', new RpcException('Forbidden'), park('RPC_EXCEPTION', 'Forbidden')],
    [
      'RpcException with a code word',
      new RpcException({ code: 'NO_STOCK', message: 'none left' }),
      park('NO_STOCK', 'none left'),
    ],
    ['RpcException 503', new RpcException({ statusCode: 503, message: 'down' }), retry],
    [
      'RpcException 404',
      new RpcException({ statusCode: 404, message: 'gone' }),
      park('HTTP_404', 'gone'),
    ],
    ['RpcException UNAVAILABLE', new RpcException({ code: 14, message: 'away' }), retry],
    [
      'RpcException NOT_FOUND',
      new RpcException({ code: 5, message: 'gone' }),
      park('GRPC_5', 'gone'),
    ],
    [
      'RpcException with nothing',
      { getError: () => undefined, message: 'x' },
      park('RPC_EXCEPTION', 'x'),
    ],

    [
      'a status of its own, final',
      withStatus({ http: 409, grpc: 6, reason: 'TWICE' }),
      park('TWICE', 'own'),
    ],
    ['a status of its own, curable', withStatus({ http: 503, grpc: 14, reason: 'DOWN' }), retry],
    [
      'a status with its own delay',
      withStatus({ http: 503, grpc: 14, reason: 'DOWN', retryAfterMs: 9 }),
      { ...retry, afterMs: 9 },
    ],
    [
      'a status with a delay that is none',
      withStatus({ http: 503, grpc: 14, reason: 'DOWN', retryAfterMs: Number.NaN }),
      retry,
    ],
    ['a broken status', withStatus({ http: '409', grpc: 6 }), retry],

    [
      'a Node error',
      Object.assign(new Error('refused'), { code: 'ECONNREFUSED', errno: -111 }),
      retry,
    ],
    ['a TypeError', new TypeError('x is not a function'), retry],
    [
      'an error with a number that is not of gRPC',
      Object.assign(new Error('pg'), { code: 3 }),
      retry,
    ],
    ['a string', 'thrown', retry],
    ['nothing', undefined, retry],
    ['null', null, retry],
    ['a symbol', Symbol('thrown'), retry],
    ['a frozen object', Object.freeze({ message: 'cold' }), retry],
    ['an object without a prototype', Object.create(null), retry],
  ])('%s', (_name, error, decision) => {
    expect(decide(error)).toEqual(decision);
  });

  it.each(Array.from({ length: 16 }, (_, index) => index + 1))('gRPC status %i', (code) => {
    const final = [3, 5, 6, 7, 9, 11, 12, 15, 16].includes(code);
    expect(decide(grpc(code))).toEqual(final ? park(`GRPC_${code}`, 'rpc') : retry);
  });

  it('keeps its head with objects that fight back', () => {
    const hostile = new Proxy(
      {},
      {
        get: () => {
          throw new Error('no reading');
        },
        getPrototypeOf: () => null,
      },
    );
    const wild = {
      getStatus: () => {
        throw new Error('no status');
      },
      getError: () => {
        throw new Error('no error');
      },
      toString: () => {
        throw new Error('no text');
      },
    };
    const unreadable = { [STATUS]: hostile, [SIGNAL]: hostile };
    expect(decide(hostile)).toEqual(retry);
    expect(decide(unreadable)).toEqual(retry);
    expect(decide(wild)).toEqual(park('RPC_EXCEPTION', '(a value that cannot be written as text)'));
    for (const value of [hostile, wild, unreadable]) {
      expect(signalOf(value)).toBeUndefined();
      expect(statusOf(value)).toBeUndefined();
    }
  });

  it('is decided for anything at all', () => {
    const anything = fc.anything({ withNullPrototype: true, withObjectString: true });
    fc.assert(
      fc.property(
        fc.oneof(
          anything,
          fc.record({
            getStatus: fc.func(anything),
            code: anything,
            details: anything,
            message: anything,
          }),
          fc.record({ getError: fc.func(anything), message: anything }),
          anything.map((status) => withStatus(status)),
          anything.map((decision) => ({ [SIGNAL]: decision })),
        ),
        (error) => {
          expect(['ack', 'requeue', 'reject', 'retry', 'park']).toContain(decide(error).action);
        },
      ),
    );
  });
});

describe('signals', () => {
  it('say how a waiting caller is answered', () => {
    expect(statusOf(new RetryLater({ after: 40, code: 'BUSY' }))).toEqual({
      http: 503,
      grpc: 14,
      retryAfterMs: 40,
      reason: 'BUSY',
    });
    expect(statusOf(new NonRetryableError('BAD'))).toEqual({ http: 422, grpc: 9, reason: 'BAD' });
    const status = { http: 410, grpc: 5, reason: 'GONE' };
    expect(statusOf(new NonRetryableError('GONE', { status }))).toEqual(status);
    for (const signal of [new Requeue(), new Discard('D'), new DeadLetter('L')])
      expect(statusOf(signal)?.reason).toBe(signal.code);
  });

  it('carry their cause and name their code', () => {
    const cause = new Error('first');
    const signal = new NonRetryableError('BAD', { cause });
    expect(signal).toBeInstanceOf(Error);
    expect([signal.cause, signal.name]).toEqual([cause, 'NonRetryableError']);
    expect(signal.message).toContain('BAD');
  });

  it.each([Number.NaN, -1, Number.POSITIVE_INFINITY])('refuse a delay of %d ms', (after) => {
    expect(() => new RetryLater({ after })).toThrow(RangeError);
  });

  it('are not mistaken for errors of this package, nor the other way round', () => {
    expect(isMessageContextError(new Requeue())).toBe(false);
    expect(isMessageContextError(new MessageContextMissingError())).toBe(true);
    expect(signalOf(new MessageContextMissingError())).toBeUndefined();
    for (const value of [undefined, null, 'text', 1])
      expect(isMessageContextError(value)).toBe(false);
  });
});
