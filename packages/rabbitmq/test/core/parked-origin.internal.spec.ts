import { describe, expect, it } from 'vitest';
import { parkedMessageOf } from '../../src/core/parked-message.js';
import { deathsIn, parkedOriginOf } from '../../src/core/parked-origin.js';

const time = (value: unknown) => ({ '!': 'timestamp', value });
const death = (queue: string, reason: string, more: object = {}) => ({
  queue,
  reason,
  count: 1,
  exchange: 'events',
  'routing-keys': ['order.placed'],
  time: time(1_700_000_000),
  ...more,
});
/** Without a code: by a retry. */
const noted = (queue: string, code: string | null = 'RETRIES_EXHAUSTED') => ({
  'x-original-queue': queue,
  'x-original-exchange': 'shop',
  'x-original-routing-key': 'placed',
  ...(code !== null && { 'x-error-code': code }),
});
const wayOf = (queue: string) => ({ queue, exchange: 'shop', routingKey: 'placed' });
const deathOf = (queue: string) => ({ queue, exchange: 'events', routingKey: 'order.placed' });
const DLQ = 'orders.dlq';

describe('where a parked message failed', () => {
  it.each<[what: string, headers: Record<string, unknown>, origin: object | undefined]>([
    ['what we have parked', noted('orders'), wayOf('orders')],
    [
      'what we have parked, moved on by the broker',
      { ...noted('orders'), 'x-death': [death('other.dlq', 'rejected')] },
      wayOf('orders'),
    ],
    [
      'what the broker has rejected',
      { 'x-death': [death('orders', 'rejected')] },
      deathOf('orders'),
    ],
    [
      'what the broker gave up between two of our attempts, whose way is noted',
      {
        ...noted('orders', null),
        'x-death': [
          death('orders', 'delivery_limit', { exchange: '', 'routing-keys': ['orders'] }),
          death('orders.retry.1000', 'expired', { exchange: '' }),
        ],
      },
      wayOf('orders'),
    ],
    [
      "a copy of another message's headers, rejected here",
      { ...noted('payments', null), 'x-death': [death('orders', 'rejected')] },
      deathOf('orders'),
    ],
    [
      'what expired in a wait queue of ours',
      { ...noted('orders', null), 'x-death': [death('orders.retry.50', 'expired')] },
      wayOf('orders'),
    ],
    [
      'what another library had waiting before it gave up',
      {
        'x-first-death-queue': 'orders',
        'x-death': [death('wait', 'expired'), death('orders', 'rejected')],
      },
      deathOf('orders'),
    ],
    [
      'what only expired: where it died first',
      {
        'x-first-death-queue': 'orders',
        'x-death': [death('later', 'expired'), death('orders', 'expired')],
      },
      deathOf('orders'),
    ],
    [
      'what only expired, in a broker that does not say where first',
      { 'x-death': [death('later', 'expired'), death('orders', 'expired')] },
      deathOf('orders'),
    ],
    [
      'what has lost its x-death',
      { 'x-first-death-queue': 'orders', 'x-first-death-exchange': 'events' },
      { queue: 'orders', exchange: 'events', routingKey: undefined },
    ],
    [
      'what was in this dead-letter queue before, and in another one',
      { 'x-death': [death(DLQ, 'rejected'), death('orders', 'rejected')] },
      deathOf('orders'),
    ],
    ['what names this queue itself', noted(DLQ), undefined],
    [
      'what died in this queue alone',
      { 'x-death': [death(DLQ, 'expired')], 'x-first-death-queue': DLQ },
      undefined,
    ],
    ['what came by hand', {}, undefined],
    [
      'names as bytes',
      { 'x-original-queue': Buffer.from('orders'), 'x-error-code': 'X' },
      { queue: 'orders', exchange: undefined, routingKey: undefined },
    ],
    ['nonsense', { 'x-death': 'often', 'x-original-queue': 7 }, undefined],
    ['nonsense in a list', { 'x-death': [null, 'x', {}, { queue: '' }, { queue: 3 }] }, undefined],
  ])('%s', (_, headers, origin) => {
    expect(parkedOriginOf(headers, DLQ)).toEqual(origin);
  });

  it('is not known without headers', () => {
    expect(parkedOriginOf(undefined, DLQ)).toBeUndefined();
    expect(deathsIn(undefined)).toEqual([]);
  });
});

describe('a parked message', () => {
  const read = (headers: Record<string, unknown>, properties: object = {}) =>
    parkedMessageOf(
      {
        content: Buffer.from('{}'),
        fields: { exchange: '', routingKey: DLQ },
        properties: { headers, ...properties },
      },
      DLQ,
      1,
    );

  it('that the broker has dead-lettered has its reason and its times', () => {
    const deaths = [
      death('orders', 'delivery_limit', { time: time(1_700_000_100) }),
      death('wait', 'expired'),
    ];
    expect(read({ 'x-death': deaths, 'x-delivery-count': 4 })).toMatchObject({
      code: 'BROKER_DELIVERY_LIMIT',
      firstFailedAt: 1_700_000_000_000,
      lastFailedAt: 1_700_000_100_000,
      attempt: undefined,
      deliveryCount: 4,
    });
    expect(read({ 'x-error-message': 'not now', 'x-death': deaths }).code).toBe(
      'BROKER_DELIVERY_LIMIT',
    );
    expect(
      read({ 'x-death': [death('orders', 'rejected', { time: time(2 ** 60) })] }),
    ).toMatchObject({
      lastFailedAt: undefined,
    });
  });

  it('of which no error was noted is grouped by what happened to it, and where', () => {
    const of = (queue: string, reason: string) =>
      read({ 'x-death': [death(queue, reason)] }).fingerprint;
    expect(of('orders', 'rejected')).toMatch(/^[\da-f]{16}$/);
    expect(of('orders', 'rejected')).toBe(of('orders', 'rejected'));
    expect(of('orders', 'expired')).not.toBe(of('orders', 'rejected'));
    expect(of('payments', 'rejected')).not.toBe(of('orders', 'rejected'));
    expect(read({ 'x-error-fingerprint': '' }).fingerprint).toBe(read({}).fingerprint);
  });

  it('is read whatever it has', () => {
    const odd = {
      'x-attempt': 'many',
      'x-redrive-count': -1,
      'x-error-name': 5,
      'x-first-failed-at': 'then',
    };
    expect(read(odd, { messageId: 7, type: '' })).toMatchObject({
      messageId: undefined,
      type: undefined,
      code: 'UNKNOWN',
      attempt: undefined,
      redriveCount: 0,
      errorName: undefined,
      firstFailedAt: undefined,
    });
  });
});
