import { expect, test } from 'vitest';

test('leaves a timer', () => {
  expect(setInterval(() => {}, 60_000).hasRef()).toBe(true);
});
