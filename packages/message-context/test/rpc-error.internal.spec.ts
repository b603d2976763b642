import { BadRequestException, ConflictException, HttpException } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import {
  isRpcErrorBody,
  NonRetryableError,
  RPC_ANSWER,
  RetryLater,
  rpcErrorBody,
  statusOfRpcError,
} from '@acme/nest-message-context';
import { describe, expect, it } from 'vitest';
import { Contexts } from '../src/context/contexts.js';
import type { InboundMessage } from '../src/context/inbound-message.js';
import { rpcErrorOf } from '../src/delivery/rpc-error-of.js';

const contexts = new Contexts({ generateId: () => 'id', trustIdentity: () => false }, () => {});

const messageWith = (deadline: number | undefined): InboundMessage =>
  contexts.open(
    { transport: 'rmq', name: 'x', payload: 1, expectsReply: true, raw: {}, deadline },
    true,
  ).message;

const INTERNAL = {
  status: 'error',
  code: 'INTERNAL',
  statusCode: 500,
  message: 'Internal server error',
};

describe('how a caller is answered', () => {
  const hostile = {
    getStatus() {
      throw new Error('no');
    },
    get message(): string {
      throw new Error('no');
    },
  };
  it.each<[string, unknown, unknown]>([
    ['an error that was not meant for callers', new Error('a secret'), INTERNAL],
    ['what is no error', 'a secret', INTERNAL],
    ['nothing', undefined, INTERNAL],
    ['what cannot be read', hostile, INTERNAL],
    [
      'an error with a status',
      new NonRetryableError('TOO_OLD', { message: 'version 1 is gone' }),
      { status: 'error', code: 'TOO_OLD', statusCode: 422, message: 'version 1 is gone' },
    ],
    [
      'one that says when to come back',
      new RetryLater({ after: 250, code: 'BUSY', message: 'later' }),
      { status: 'error', code: 'BUSY', statusCode: 503, message: 'later', retryAfterMs: 250 },
    ],
    [
      'an answer that was given before, word for word',
      Object.assign(new Error('x'), { [RPC_ANSWER]: { code: 'AS_IT_WAS' } }),
      { code: 'AS_IT_WAS' },
    ],
    [
      'an HTTP exception',
      new ConflictException('sold'),
      { status: 'error', code: 'HTTP_409', statusCode: 409, message: 'sold' },
    ],
    [
      'an HTTP exception without words',
      new HttpException({ any: 1 }, 418),
      { status: 'error', code: 'HTTP_418', statusCode: 418, message: 'Http Exception' },
    ],
    [
      'a refused validation',
      new BadRequestException(['a is missing', 'b is no number']),
      {
        status: 'error',
        code: 'HTTP_400',
        statusCode: 400,
        message: 'a is missing; b is no number',
      },
    ],
    [
      'words for the caller',
      new RpcException('no such payment'),
      { status: 'error', code: 'HTTP_500', statusCode: 500, message: 'no such payment' },
    ],
    [
      'words for the caller, with a code and a status',
      new RpcException({ code: 'GONE', statusCode: 410, message: 'sold' }),
      { status: 'error', code: 'GONE', statusCode: 410, message: 'sold' },
    ],
  ])('%s', (_, error, answer) => {
    expect(rpcErrorOf(error, messageWith(undefined))).toEqual(answer);
  });

  it('what has ended because its time had', () => {
    const late = messageWith(Date.now() - 1);
    expect(rpcErrorOf(new DOMException('too late', 'TimeoutError'), late)).toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      statusCode: 504,
    });
    expect(rpcErrorOf(new NonRetryableError('TOO_OLD'), late)).toMatchObject({ code: 'TOO_OLD' });
    expect(rpcErrorOf(new Error('x'), messageWith(Date.now() + 9_999))).toEqual(INTERNAL);
  });
});

describe('an answer', () => {
  const body = rpcErrorBody({ http: 409, grpc: 10, reason: 'SOLD' }, 'it is sold');

  it.each<[string, unknown, boolean]>([
    ['that is an error', body, true],
    ['with a status of its own', { status: 'error', message: 'printer on fire' }, false],
    ['with a code of its own', { ...body, statusCode: '409' }, false],
    ['that succeeded', { ...body, status: 'ok' }, false],
    ['that is text', 'error', false],
    ['that is nothing', null, false],
  ])('%s: %s', (_, answer, isError) => {
    expect(isRpcErrorBody(answer)).toBe(isError);
  });

  it.each([
    [400, 3],
    [401, 16],
    [403, 7],
    [404, 5],
    [409, 10],
    [422, 9],
    [429, 8],
    [499, 1],
    [500, 13],
    [501, 12],
    [503, 14],
    [504, 4],
    [599, 13],
  ])('of HTTP status %i is passed on over gRPC as %i', (statusCode, grpc) => {
    expect(statusOfRpcError({ ...body, statusCode, retryAfterMs: 5 })).toEqual({
      http: statusCode,
      grpc,
      reason: 'SOLD',
      retryAfterMs: 5,
    });
  });
});
