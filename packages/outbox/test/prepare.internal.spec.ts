import { expect, it, vi } from 'vitest';
import { Observability } from '../src/observability/observability.js';
import { Outbox } from '../src/outbox.js';
import { emptyStore } from './support/parts.js';

it('prepares the store once, however many wait for it, and again after a failure', async () => {
  const prepare = vi
    .fn<() => Promise<void>>(async () => {})
    .mockRejectedValueOnce(new Error('the database starts'));
  const rules = { strictOrder: false, sequence: false };
  const observed = new Observability('default');
  const outbox = new Outbox(emptyStore({ prepare }), undefined, 4, rules, () => {}, observed);
  await expect(outbox.prepare()).rejects.toThrow('the database starts');
  await Promise.all([outbox.prepare(), outbox.prepare()]);
  await outbox.prepare();
  expect(prepare.mock.calls).toEqual([[4], [4]]);
});
