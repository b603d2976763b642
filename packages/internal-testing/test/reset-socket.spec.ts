import { spawnChild } from '@acme/internal-testing';
import { expect, test } from 'vitest';

test('a process that has reset a connection exits', { timeout: 30_000 }, async () => {
  const child = spawnChild(new URL('./children/reset.mjs', import.meta.url));
  await expect(child.exited).resolves.toEqual({ code: 0, signal: null });
});
