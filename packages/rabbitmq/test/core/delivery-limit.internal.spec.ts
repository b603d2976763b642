import { describe, expect, it } from 'vitest';
import { deliveryLimitOf, queueTypeIn } from '../../src/core/delivery-limit.js';

describe('the count of a queue', () => {
  it.each<[string, Record<string, unknown> | undefined, number, number, number]>([
    ['nothing is known', undefined, 8, 16, 20],
    ['no limit is given', { 'x-queue-type': 'quorum' }, 8, 16, 20],
    ['the limit is high', { 'x-delivery-limit': 1_000 }, 498, 996, 1_000],
    ['the limit is 5', { 'x-delivery-limit': 5 }, 2, 4, 5],
    ['the limit is low', { 'x-delivery-limit': 4 }, Infinity, Infinity, Infinity],
    ['there is none on purpose', { 'x-delivery-limit': -1 }, Infinity, Infinity, Infinity],
    ['the queue is classic', { 'x-queue-type': 'classic' }, Infinity, Infinity, Infinity],
    ['the limit is none', { 'x-delivery-limit': 'many' }, 8, 16, 20],
  ])('leads to suspicion and parking where %s', (_, declared, suspectsAt, parksAt, limit) => {
    expect(deliveryLimitOf(declared)).toEqual({ suspectsAt, parksAt, limit });
  });
});

describe('the type of a queue', () => {
  it.each([
    [undefined, 'classic'],
    [{}, 'classic'],
    [{ arguments: { 'x-queue-type': 'quorum' } }, 'quorum'],
  ])('of %j is %s', (declaration, type) => {
    expect(queueTypeIn(declaration)).toBe(type);
  });
});
