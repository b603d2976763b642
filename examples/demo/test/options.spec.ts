import { expect, it } from 'vitest';
import { readOptions } from '../src/options.js';

it('has defaults, and takes what a package manager passes on', () => {
  expect(readOptions([])).toMatchObject({ orders: 300, json: false });
  expect(readOptions(['--', '--orders', '2000', '--json', '--seed', '5'])).toEqual({
    orders: 2000,
    json: true,
    seed: 5,
  });
});

it('names every bad option at once, and how it is used', () => {
  const read = () => readOptions(['--orders', 'many', '--seed', '1.5']);
  expect(read).toThrow(/--orders many[^]*--seed 1\.5[^]*npm run demo/);
  expect(() => readOptions(['--order', '3'])).toThrow(/--order[^]*npm run demo/);
});
