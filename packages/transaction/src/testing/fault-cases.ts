import assert from 'node:assert/strict';
import type { SqlExecutor } from '../sql-executor.js';
import { isTransactionError } from '../transaction.errors.js';
import type { TransactionAdapter } from '../transaction-adapter.js';
import { barrier, CaseContext, rejection } from './case-context.js';
import type { TransactionContractFeatures, TransactionContractFixture } from './contract.js';

type Case = (context: CaseContext<unknown>, fixture: TransactionContractFixture) => Promise<void>;

/** Lost connections, and connections that must come back to the pool. */
export function faultCases(features: TransactionContractFeatures): Record<string, Case> {
  const { dialect, singleConnection = false, outlivesLostConnection = true } = features;
  return {
    'gives every connection back, whatever went wrong': givesBack,
    ...(!singleConnection &&
      outlivesLostConnection && {
        'survives a connection that is killed in the middle': survivesKill,
        'never reports a commit that was not answered': neverReportsUnanswered,
        ...(dialect === 'postgres' && {
          'names a commit whose outcome nobody knows': namesUnknownOutcome,
        }),
      }),
  };
}

const givesBack: Case = async (c) => {
  for (let round = 0; round <= c.poolSize; round += 1) {
    await rejection(c.transactions.run(() => Promise.reject(new Error('thrown'))));
    await rejection(c.transactions.run(() => c.transactions.sql().query('no such statement')));
  }
  await allConnectionsWork(c);
};

const survivesKill: Case = async (c) => {
  const run = c.transactions.run(async () => {
    await c.insert('lost');
    await kill(c.outside, await connectionId(c.transactions.sql()));
    await c.insert('on a dead connection');
  });
  const error = await rejection(run);
  assert.ok(error instanceof Error, String(error));
  assert.deepEqual(await c.committed(), []);
  await allConnectionsWork(c);
};

const neverReportsUnanswered: Case = async (_, fixture) => {
  let connection: unknown;
  const adapter: TransactionAdapter = Object.assign(
    Object.create(fixture.adapter) as TransactionAdapter,
    {
      beforeCommit: async (handle: unknown) => {
        await fixture.adapter.beforeCommit?.(handle);
        await kill(fixture.outside, connection);
      },
    },
  );
  const c = new CaseContext(fixture, adapter);
  let called = false;
  const run = c.transactions.run(async () => {
    c.transactions.afterCommit(() => void (called = true));
    await c.insert('lost');
    connection = await connectionId(c.transactions.sql());
  });
  assert.ok((await rejection(run)) instanceof Error);
  assert.equal(called, false);
  assert.deepEqual(await c.committed(), []);
  await allConnectionsWork(new CaseContext(fixture));
};

const namesUnknownOutcome: Case = async (c) => {
  let called = false;
  const run = c.transactions.run(async () => {
    c.transactions.afterCommit(() => void (called = true));
    // A trigger that ends the connection in the middle of the commit.
    await c.transactions.sql().query('insert into contract_last_word (id) values (1)');
  });
  const error = await rejection(run);
  assert.ok(isTransactionError(error, 'TRANSACTION_OUTCOME_UNKNOWN'), String(error));
  assert.ok((error as Error).cause instanceof Error);
  assert.equal(called, false);
  await allConnectionsWork(c);
};

/**
 * As many transactions as the pool has connections are open at the same time: none is lost, none is dead. Tried again
 * for a while, because a pool may hand out a dead connection until the event that tells it has arrived.
 */
async function allConnectionsWork(c: CaseContext<unknown>): Promise<void> {
  for (const deadline = Date.now() + 5_000; ;) {
    const allOpen = barrier(c.poolSize);
    const runs = Array.from({ length: c.poolSize }, () =>
      c.transactions.run(async () => {
        await c.transactions.sql().query('select 1');
        await allOpen.arrive();
      }),
    );
    for (const run of runs) run.catch(allOpen.abandon);
    const outcomes = await Promise.allSettled(runs);
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (!failure) return;
    if (Date.now() > deadline) throw failure.reason;
  }
}

async function connectionId(sql: SqlExecutor): Promise<unknown> {
  const self = sql.dialect === 'postgres' ? 'pg_backend_pid()' : 'connection_id()';
  const { rows } = await sql.query<{ id: unknown }>(`select ${self} as id`);
  return rows[0]?.id;
}

/** Resolves when the server has ended the connection, so that the case goes on with a dead one. */
async function kill(outside: SqlExecutor, connection: unknown): Promise<void> {
  const id = Number(connection);
  const [end, gone] =
    outside.dialect === 'postgres'
      ? [`select pg_terminate_backend(${id})`, `select 1 from pg_stat_activity where pid = ${id}`]
      : [`kill ${id}`, `select 1 from information_schema.processlist where id = ${id}`];
  await outside.query(end);
  const deadline = Date.now() + 10_000;
  while ((await outside.query(gone)).rowCount > 0) {
    assert.ok(Date.now() < deadline, `connection ${id} did not end`);
  }
}
