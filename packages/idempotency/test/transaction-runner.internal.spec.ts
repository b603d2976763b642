import { Transactions, type TransactionAdapter } from '@acme/nest-transaction';
import { expect, it } from 'vitest';
import type { GuardedCall } from '../src/core/attempt.js';
import type { Claim, SqlIdempotencyStore } from '../src/core/store.js';
import { TransactionRunner } from '../src/core/transaction-runner.js';

const adapter: TransactionAdapter = {
  library: 'none',
  dialect: 'postgres',
  transaction: (work) => work({}),
  sql: () => ({ dialect: 'postgres', query: async () => ({ rows: [], rowCount: 0 }) }),
};

it('counts a message once that somebody else has taken after it was counted, however often it looks', async () => {
  const claims: Claim[] = [
    { state: 'running', fingerprint: undefined },
    { state: 'running', fingerprint: undefined },
    { state: 'claimed', fence: 1, attempt: 2 },
  ];
  let counts = 0;
  const store: Partial<SqlIdempotencyStore> = {
    label: 'fake',
    // Somebody else runs it when it is looked at first, so that one does not count.
    countAttempt: async () => ((counts += 1) === 1 ? undefined : counts),
    inTransaction: { claim: async () => claims.shift()! } as never,
  };
  const transactions = new Transactions({ name: 'default', adapter, onCallbackError: () => {} });
  const runner = new TransactionRunner(store as SqlIdempotencyStore, transactions, () => {});
  const call = {
    id: 'id',
    name: 'job',
    ttlMs: 1,
    attempts: { max: 5, ttlMs: 1, repeated: true },
    run: async ({ attempt }) => attempt,
    conclude: (value) => ({ value, verdict: 'record' }),
    unused: () => {},
  } as Partial<GuardedCall> as GuardedCall;
  const look = () => runner.attempt(call, { started: () => {}, lost: () => {} });
  expect([(await look()).state, (await look()).state]).toEqual(['running', 'running']);
  expect(await look()).toMatchObject({ state: 'ran', value: 2 });
  expect(counts).toBe(2);
});

it('counts and corrects nothing in the transaction of somebody else', async () => {
  const asked: string[] = [];
  const store: Partial<SqlIdempotencyStore> = {
    label: 'fake',
    countAttempt: async () => void asked.push('count'),
    uncountAttempt: async () => void asked.push('uncount'),
    remove: async () => asked.push('remove') > 0,
    inTransaction: { claim: async () => ({ state: 'claimed', fence: 1, attempt: 1 }) } as never,
  };
  const transactions = new Transactions({ name: 'default', adapter, onCallbackError: () => {} });
  const runner = new TransactionRunner(store as SqlIdempotencyStore, transactions, () => {});
  for (const fate of ['uncounted', 'forgotten'] as const) {
    const call = {
      id: 'id',
      name: 'job',
      attempts: { max: 5, ttlMs: 1, repeated: true },
      run: async () => 1,
      conclude: (value) => ({ value, verdict: 'undo', fate }),
    } as Partial<GuardedCall> as GuardedCall;
    const joining = transactions.run(() =>
      runner.attempt(call, { started: () => {}, lost: () => {} }),
    );
    await expect(joining).rejects.toMatchObject({ code: 'TRANSACTION_ROLLBACK_ONLY' });
  }
  expect(asked).toEqual([]);
});

it('keeps no error over what somebody else has done after the rollback', async () => {
  const claims: Claim[] = [
    { state: 'claimed', fence: 1, attempt: 1 },
    { state: 'done', fingerprint: undefined, outcome: 'theirs' },
  ];
  let settled = 0;
  let notKept = 0;
  const inTransaction = {
    claim: async () => claims.shift()!,
    settle: async () => void (settled += 1),
  } as never;
  const store = { label: 'fake', inTransaction } as Partial<SqlIdempotencyStore>;
  const transactions = new Transactions({ name: 'default', adapter, onCallbackError: () => {} });
  const runner = new TransactionRunner(store as SqlIdempotencyStore, transactions, () => {});
  const call = {
    id: 'id',
    name: 'job',
    run: () => Promise.reject(new RangeError('no')),
    concludeError: () => 'ours',
    errorNotKept: () => void (notKept += 1),
  } as Partial<GuardedCall> as GuardedCall;
  const running = runner.attempt(call, { started: () => {}, lost: () => {} });
  await expect(running).rejects.toThrow(RangeError);
  expect([settled, notKept]).toEqual([0, 1]);
});
