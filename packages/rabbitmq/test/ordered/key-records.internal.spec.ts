import type { OrderedKey, OrderStore } from '@acme/nest-message-context';
import { expect, it } from 'vitest';
import { KeyRecords } from '../../src/ordered/key-records.js';

const KEY: OrderedKey = { queue: 'orders', key: 'k' };
const DAY_MS = 24 * 60 * 60_000;
const line = { given: 1, done: 0, since: 1 };
const sequence = { last: 1, missing: [] };

function scene() {
  const asked: string[] = [];
  const state = { kept: undefined as string | undefined, failure: undefined as Error | undefined };
  const store: OrderStore = {
    label: 'tests',
    volatile: false,
    read: async () => {
      asked.push('read');
      return state.kept;
    },
    write: async (_key, text, keepMs) => {
      asked.push(`write for ${keepMs / DAY_MS} days`);
      state.kept = text;
      if (state.failure) throw state.failure;
    },
    forget: async () => {
      asked.push('forget');
      state.kept = undefined;
    },
  };
  return { asked, state, records: new KeyRecords(store) };
}

it('asks once, as long as somebody has a message of the key', async () => {
  const { asked, records } = scene();
  const read = () => records.turn(KEY, (record) => record.read());
  const close = records.open(KEY);
  await read();
  await read();
  expect(asked).toEqual(['read']);
  close();
  await read();
  expect(asked).toEqual(['read', 'read']);
});

it('asks again after a write that has failed: it may have been kept', async () => {
  const { records, state } = scene();
  records.open(KEY);
  await records.turn(KEY, (record) => record.read());
  state.failure = new Error('the answer was lost');
  await expect(records.turn(KEY, (record) => record.keep({ line }))).rejects.toThrow('was lost');
  await expect(records.turn(KEY, (record) => record.read())).resolves.toEqual({ line });
});

it('keeps for years that a key is stopped, for a month what came last, and forgets the rest', async () => {
  const { records, asked } = scene();
  const keep = (state: object) => records.turn(KEY, (record) => record.keep(state));
  await keep({ sequence });
  await keep({ sequence, line });
  await keep({});
  expect(asked).toEqual(['write for 30 days', 'write for 3650 days', 'forget']);
});

it('takes turns, whatever becomes of them', async () => {
  const { records } = scene();
  const done: string[] = [];
  let end = (): void => {};
  const first = records.turn(KEY, async () => {
    await new Promise<void>((ended) => (end = ended));
    done.push('first');
    throw new Error('it fails');
  });
  const second = records.turn(KEY, async () => void done.push('second'));
  await records.turn({ ...KEY, key: 'other' }, async () => void done.push('of another key'));
  end();
  await expect(first).rejects.toThrow('it fails');
  await second;
  expect(done).toEqual(['of another key', 'first', 'second']);
});
