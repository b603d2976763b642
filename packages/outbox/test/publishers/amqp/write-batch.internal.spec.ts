import { expect, it, vi } from 'vitest';
import { WriteBatch } from '../../../src/publishers/amqp/write-batch.js';

const nextTurn = () => new Promise((done) => setImmediate(() => setImmediate(done)));

it('lets what is sent in one turn leave together, and what comes later again', async () => {
  const calls: string[] = [];
  const stream = { cork: () => calls.push('cork'), uncork: () => calls.push('uncork') };
  const batch = new WriteBatch({ connection: { stream } });
  batch.add(() => calls.push('one'));
  batch.add(() => calls.push('two'));
  await nextTurn();
  batch.add(() => calls.push('three'));
  await nextTurn();
  expect(calls).toEqual(['cork', 'one', 'two', 'uncork', 'cork', 'three', 'uncork']);
});

it('keeps nothing back when sending throws', async () => {
  const stream = { cork: vi.fn<() => void>(), uncork: vi.fn<() => void>() };
  const batch = new WriteBatch({ connection: { stream } });
  const fail = () => {
    throw new Error('no');
  };
  expect(() => batch.add(fail)).toThrow('no');
  await nextTurn();
  expect(stream.uncork).toHaveBeenCalledTimes(1);
});

it.each([undefined, {}, { stream: {} }, { stream: { cork: () => {} } }])(
  'sends one by one over %o',
  (connection) => {
    const send = vi.fn<() => void>();
    const batch = new WriteBatch({ connection });
    batch.add(send);
    expect(batch.isEffective).toBe(false);
    expect(send).toHaveBeenCalledTimes(1);
  },
);
