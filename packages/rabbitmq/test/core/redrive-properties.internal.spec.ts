import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DeliveryLike } from '../../src/core/hop-properties.js';
import { attemptOf, originOf } from '../../src/core/hop-properties.js';
import { MAX_HEADERS_BYTES, sizeOfHeaders } from '../../src/core/headers-size.js';
import { Pace } from '../../src/core/pace.js';
import { redriveProperties, type RedriveFacts } from '../../src/core/redrive-properties.js';
import { failedIn } from '../support/parked.js';

const NOW = Date.UTC(2026, 10, 27);
const facts = (more: Partial<RedriveFacts> = {}): RedriveFacts => ({
  to: 'orders',
  origin: { queue: 'orders', exchange: 'events', routingKey: 'placed' },
  id: 'run-1',
  now: NOW,
  ...more,
});
const parked = (
  headers: Record<string, unknown> | undefined,
  properties: object = {},
): DeliveryLike => ({
  fields: { exchange: '', routingKey: 'orders.dlq' },
  properties: { headers, ...properties },
});
const headersOf = (headers: Record<string, unknown> | undefined, more?: Partial<RedriveFacts>) =>
  redriveProperties(parked(headers), facts(more))?.headers;
const ADDED = {
  'x-original-queue': 'orders',
  'x-original-exchange': 'events',
  'x-original-routing-key': 'placed',
  'x-redrive-id': 'run-1',
  'x-redrive-count': 1,
  'x-redrive-at': '2026-11-27T00:00:00.000Z',
};

describe('what a message is redriven with', () => {
  it.each<[what: string, headers: Record<string, unknown> | undefined, expected: object]>([
    ['nothing of its own', undefined, ADDED],
    [
      'its failure',
      failedIn('orders', { 'x-error-stack': 'Error\n at x', 'x-deferrals': 3 }),
      ADDED,
    ],
    [
      'a count',
      { 'x-redrive-count': 2, 'x-redrive-id': 'old' },
      { ...ADDED, 'x-redrive-count': 3 },
    ],
    ['a count as text', { 'x-redrive-count': '2' }, { ...ADDED, 'x-redrive-count': 3 }],
    ['a count that is none', { 'x-redrive-count': -4 }, ADDED],
    [
      "the broker's notes",
      { 'x-death': [{ queue: 'x' }], 'x-first-death-queue': 'x', CC: ['a'], 'x-delivery-count': 3 },
      ADDED,
    ],
    ['a deadline that has passed', { 'x-deadline': NOW - 1 }, ADDED],
    ['a deadline that has not', { 'x-deadline': NOW + 1 }, { ...ADDED, 'x-deadline': NOW + 1 }],
    [
      'what is its own',
      { 'x-tenant-id': 't', deep: { a: [1] } },
      { ...ADDED, 'x-tenant-id': 't', deep: { a: [1] } },
    ],
  ])('that had %s', (_, headers, expected) => {
    expect(headersOf(headers)).toEqual(expected);
  });

  it('is believed by its consumer: it is the first attempt, and where it came from is known', () => {
    const again = (headers: Record<string, unknown>, to: string) => ({
      fields: { exchange: '', routingKey: to },
      properties: { headers },
    });
    const headers = headersOf(failedIn('orders', { 'x-delivery-count': 9 }));
    expect(attemptOf(headers)).toBe(1);
    expect(originOf(again(headers!, 'orders'), 'orders')).toEqual({
      queue: 'orders',
      exchange: 'events',
      routingKey: 'placed',
    });
    // What fails next fails there, and goes back there.
    const elsewhere = headersOf(failedIn('orders'), { to: 'other' });
    expect(originOf(again(elsewhere!, 'other'), 'other')).toMatchObject({ queue: 'other' });
  });

  it('keeps what is noted where nothing else is known', () => {
    expect(headersOf({ 'x-original-routing-key': 'k' }, { origin: undefined })).toEqual({
      'x-original-queue': 'orders',
      'x-original-routing-key': 'k',
      'x-redrive-id': 'run-1',
      'x-redrive-count': 1,
      'x-redrive-at': ADDED['x-redrive-at'],
    });
  });

  it('is persistent, keeps what the message says of itself, and does not expire', () => {
    const properties = {
      messageId: 'm-1',
      type: 'placed',
      timestamp: 5,
      expiration: '1000',
      userId: 'u',
    };
    expect(redriveProperties(parked({}, properties), facts())).toEqual({
      messageId: 'm-1',
      type: 'placed',
      timestamp: 5,
      persistent: true,
      headers: ADDED,
    });
  });

  it('fits on the wire, or is not made; what it was made of is not changed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 64_900, max: 65_600 }), fc.boolean(), (bytes, failed) => {
        const headers = { large: 'x'.repeat(bytes), ...(failed ? failedIn('orders') : {}) };
        const before = structuredClone(headers);
        const made = headersOf(headers);
        expect(headers).toEqual(before);
        const all = { large: headers.large, ...ADDED };
        expect(made).toEqual(sizeOfHeaders(all) > MAX_HEADERS_BYTES ? undefined : all);
      }),
    );
  });
});

describe('a pace', () => {
  it('is kept, whatever the clock says in between', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000 }),
        fc.array(fc.nat(500), { maxLength: 50 }),
        (rate, pauses) => {
          const pace = new Pace(rate);
          let now = 1_000;
          const times: number[] = [];
          for (const pause of pauses) {
            now += pause;
            now += pace.next(now);
            times.push(now);
          }
          for (let n = 1; n < times.length; n += 1)
            expect(times[n]! - times[n - 1]!).toBeGreaterThanOrEqual(1_000 / rate - 1e-6);
        },
      ),
    );
  });

  it('waits for nothing where there is no rate, nor before the first', () => {
    const [free, paced] = [new Pace(undefined), new Pace(2)];
    expect([free.next(5), free.next(5), paced.next(5), paced.next(5), paced.next(5)]).toEqual([
      0, 0, 0, 500, 1_000,
    ]);
  });
});
