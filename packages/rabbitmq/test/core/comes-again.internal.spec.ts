import { describe, expect, it } from 'vitest';
import { comesAgain } from '../../src/core/comes-again.js';

describe('a message comes again', () => {
  it.each<[what: string, headers: Record<string, unknown>, redelivered: boolean, again: boolean]>([
    ['not on its first delivery', {}, false, false],
    ['not because its sender counts from one', { 'x-attempt': 1 }, false, false],
    ['when it was given back', {}, true, true],
    ['when it was retried', { 'x-attempt': 2 }, false, true],
    ['when its queue has counted', { 'x-delivery-count': 1 }, false, true],
    ['when it was put off', { 'x-deferrals': 1 }, false, true],
    ['when it was redriven', { 'x-redrive-count': 1 }, false, true],
  ])('%s', (_what, headers, redelivered, again) => {
    const fields = { deliveryTag: 1, redelivered, exchange: '', routingKey: 'orders' };
    expect(comesAgain({ fields, properties: { headers } })).toBe(again);
  });
});
