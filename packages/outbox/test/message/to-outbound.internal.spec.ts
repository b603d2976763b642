import { describe, expect, it } from 'vitest';
import type { StoredMessage } from '../../src/contracts/messages.js';
import { toOutbound } from '../../src/message/to-outbound.js';

const stored = (headers: string | null): StoredMessage => ({
  place: 'pending',
  seq: 1,
  lane: 0,
  block: '#1',
  messageId: 'm-1',
  type: 'order.placed.v1',
  key: null,
  exchange: null,
  routingKey: null,
  contentType: null,
  headers,
  occurredAt: 0,
  sequence: null,
  payload: '{}',
  attempts: 0,
  tries: 0,
  history: [],
});

describe('the idempotency key of a published message', () => {
  it.each([
    ['is its id', null, { 'idempotency-key': 'm-1' }],
    ['stands beside other headers', '{"a":1}', { a: 1, 'idempotency-key': 'm-1' }],
    ['is the one that was given', '{"idempotency-key":"e-7"}', { 'idempotency-key': 'e-7' }],
    ['is given once, in any case', '{"Idempotency-Key":"e-7"}', { 'Idempotency-Key': 'e-7' }],
  ])('%s', (_what, headers, published) => {
    expect(toOutbound(stored(headers)).headers).toEqual(published);
  });
});
