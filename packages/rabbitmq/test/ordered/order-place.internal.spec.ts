import { expect, it } from 'vitest';
import { orderPlace, placeIn, wasInLine } from '../../src/ordered/order-place.js';

const line = { given: 3, done: 0, since: 5 };
const headers = { 'x-order-place': orderPlace(line, 2) };

it('is that in one line, and in no other that has begun since', () => {
  expect(placeIn(headers, line)).toBe(2);
  expect(placeIn(headers, { ...line, since: 6 })).toBeUndefined();
  expect([wasInLine(headers), wasInLine({}), wasInLine(undefined)]).toEqual([true, false, false]);
});

it.each(['5', '5-0', '5-x', '5-1.5', '-', 7])('is none that reads %s', (place) => {
  expect(placeIn({ 'x-order-place': place }, line)).toBeUndefined();
});
