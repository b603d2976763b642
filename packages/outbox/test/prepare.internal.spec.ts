import { Transactions } from '@acme/nest-transaction';
import { expect, it, vi } from 'vitest';
import { Observability } from '../src/observability/observability.js';
import { Outbox } from '../src/outbox.js';
import { emptyStore, noAdapter } from './support/parts.js';

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

it('add() waits for the store that is not prepared yet, and rolls back with what goes wrong: there, or in the insert', async () => {
  const calls: string[] = [];
  const outcome = (name: string) => async () => {
    calls.push(name);
    if (calls.length < 4) throw new Error(`${name} failed`);
  };
  const store = emptyStore({ prepare: outcome('prepare'), insert: outcome('insert') });
  const transactions = new Transactions({
    name: 'default',
    adapter: noAdapter,
    onCallbackError: () => {},
  });
  const rules = { strictOrder: false, sequence: false };
  const observed = new Observability('default');
  const outbox = new Outbox(store, transactions, 4, rules, () => {}, observed);
  const add = () => transactions.run(() => outbox.add({ type: 'a', payload: 1 }));
  await expect(add()).rejects.toThrow('prepare failed');
  await expect(add()).rejects.toThrow('prepare failed');
  await expect(add()).rejects.toThrow('prepare failed');
  await add();
  calls.length = 0;
  await expect(add()).rejects.toThrow(/^insert failed$/);
  expect(calls).toEqual(['insert']);
});
