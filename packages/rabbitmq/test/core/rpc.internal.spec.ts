import { describe, expect, it } from 'vitest';
import { PlainReply, replyBytes, rpcErrorBodyOf } from '../../src/core/rpc-answer.js';
import { rpcDeadline } from '../../src/core/rpc-deadline.js';

const failed = { status: 'error', code: 'RPC_FAILED', statusCode: 500 };

describe('what a request was answered with', () => {
  const own = { status: 'error', code: 'SOLD', statusCode: 409, message: 'sold', retryAfterMs: 5 };
  it.each<[string, unknown, unknown]>([
    ['by this package', own, own],
    [
      'by Nest',
      { status: 'error', message: 'Internal server error' },
      { ...failed, message: 'Internal server error' },
    ],
    ['in words', 'no such payment', { ...failed, message: 'no such payment' }],
    [
      'by a filter',
      { code: 'GONE', status: 410, message: 'x' },
      { ...failed, code: 'GONE', statusCode: 410, message: 'x' },
    ],
    [
      'by a validation',
      { statusCode: 400, message: ['a', 'b'] },
      { ...failed, statusCode: 400, message: 'a; b' },
    ],
    ['by a gRPC code', { code: 5, message: 'x' }, { ...failed, message: 'x' }],
    ['by nobody', undefined, { ...failed, message: 'The request failed.' }],
    ['by a null', null, { ...failed, message: 'The request failed.' }],
  ])('%s', (_, answer, body) => {
    expect(rpcErrorBodyOf(answer)).toEqual(body);
  });
});

describe('the reply to a request that is no packet of Nest’s', () => {
  const sent = (...packets: object[]): unknown => {
    const reply = new PlainReply();
    return packets.map((packet) => reply.take(packet)).at(-1);
  };
  it.each<[string, object[], unknown]>([
    ['one value', [{ response: 7, isDisposed: true }], { body: 7 }],
    ['the last of several', [{ response: 1 }, { response: 2 }, { isDisposed: true }], { body: 2 }],
    ['nothing', [{ isDisposed: true }], { body: undefined }],
    ['null', [{ response: null, isDisposed: true }], { body: null }],
    [
      'an error after a value',
      [{ response: 1 }, { err: 'no', isDisposed: true }],
      { body: { ...failed, message: 'no' } },
    ],
    ['not yet', [{ response: 1 }], undefined],
  ])('%s', (_, packets, reply) => {
    expect(sent(...packets)).toEqual(reply);
  });

  it.each<[unknown, string, string]>([
    [{ a: 1 }, '{"a":1}', 'application/json'],
    [null, 'null', 'application/json'],
    [undefined, '', 'application/json'],
    [Buffer.from('raw'), 'raw', 'application/octet-stream'],
  ])('%j on the wire', (body, content, contentType) => {
    const reply = replyBytes(body);
    expect([reply.content.toString(), reply.contentType]).toEqual([content, contentType]);
  });
});

describe('the time that a request has', () => {
  it.each<[string, number, number | undefined, object]>([
    ['is what its caller gives it', 500, undefined, { at: 1_500, leftMs: 500 }],
    ['is no more than what is left to the caller', 500, 1_200, { at: 1_200, leftMs: 200 }],
    ['is no less than a millisecond', 500, 1_000.5, { at: 1_000.5, leftMs: 1 }],
    ['has run out', 500, 1_000, { at: 1_000, leftMs: 0 }],
    ['has run out long ago', 500, 1, { at: 1, leftMs: 0 }],
  ])('%s', (_, timeoutMs, inherited, deadline) => {
    expect(rpcDeadline(timeoutMs, inherited, 1_000)).toEqual(deadline);
  });
});
