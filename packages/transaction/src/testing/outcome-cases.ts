import assert from 'node:assert/strict';
import { sqlStateOf } from '../sql-state.js';
import { isTransactionError } from '../transaction.errors.js';
import { barrier, type CaseContext, insertItem, rejection } from './case-context.js';
import type { TransactionContractFeatures } from './contract.js';

type Case = (context: CaseContext<unknown>) => Promise<void>;

/** Commit, rollback, and what a failure looks like from outside. */
export function outcomeCases({ dialect }: TransactionContractFeatures): Record<string, Case> {
  return {
    'commits what user code and packages have written, and resolves with the result': async (c) => {
      const result = await c.transactions.run(async () => {
        await c.insert('user');
        await c.insertBySql('package');
        return 42;
      });
      assert.equal(result, 42);
      assert.deepEqual(await c.committed(), ['package', 'user']);
    },

    'rolls back and rejects with the very error': async (c) => {
      const error = new RangeError('no');
      const run = c.transactions.run(async () => {
        await c.insert('user');
        await c.insertBySql('package');
        throw error;
      });
      assert.equal(await rejection(run), error);
      assert.deepEqual(await c.committed(), []);
    },

    'keeps the class and the SQLSTATE of a database error': async (c) => {
      let seen: unknown;
      const run = c.transactions.run(async () => {
        await c.insert('twice');
        await c.insert('twice').catch((error: unknown) => {
          seen = error;
          throw error;
        });
      });
      const error = await rejection(run);
      assert.equal(error, seen);
      assert.equal(sqlStateOf(error), dialect === 'postgres' ? '23505' : '23000');
      assert.deepEqual(await c.committed(), []);
    },

    'gives packages the SQLSTATE too': async (c) => {
      const run = c.transactions.run(async () => {
        await c.insertBySql('twice');
        await c.insertBySql('twice');
      });
      const error = await rejection(run);
      assert.equal(sqlStateOf(error), dialect === 'postgres' ? '23505' : '23000');
    },

    ...(dialect === 'postgres' ? postgresOutcomes : mysqlOutcomes),
  };
}

const postgresOutcomes: Record<string, Case> = {
  'never reports a commit when a statement has failed and its error was swallowed': async (c) => {
    let called = false;
    const run = c.transactions.run(async () => {
      c.transactions.afterCommit(() => void (called = true));
      await c.insert('kept?');
      await c.transactions
        .sql()
        .query('select 1 / 0')
        .catch(() => undefined);
    });
    const error = await rejection(run);
    // Some libraries reject by themselves, with the error that was swallowed.
    const named = isTransactionError(error, 'TRANSACTION_ABORTED');
    assert.ok(named || sqlStateOf(error) === '22012', String(error));
    assert.equal(called, false);
    assert.deepEqual(await c.committed(), []);
  },

  'passes on what the database said when it refused the commit': async (c) => {
    let called = false;
    const run = c.transactions.run(async () => {
      c.transactions.afterCommit(() => void (called = true));
      await c.insert('refused');
      await c.transactions
        .sql()
        .query('insert into contract_reference (id) values ($1)', [c.id('missing')]);
    });
    assert.equal(sqlStateOf(await rejection(run)), '23503');
    assert.equal(called, false);
    assert.deepEqual(await c.committed(), []);
  },
};

const mysqlOutcomes: Record<string, Case> = {
  'commits when a statement has failed and its error was dealt with': async (c) => {
    await c.transactions.run(async () => {
      await c.insertBySql('once');
      await c.insertBySql('once').catch(() => undefined);
    });
    assert.deepEqual(await c.committed(), ['once']);
  },

  'never reports a commit when the transaction was rolled back underneath': async (c) => {
    const run = c.transactions.run(async () => {
      await c.insertBySql('before');
      // What a deadlock does to its victim, without the other transaction.
      await c.transactions.sql().query('rollback');
    });
    assert.ok(isTransactionError(await rejection(run), 'TRANSACTION_ABORTED'));
    assert.deepEqual(await c.committed(), []);
  },

  'never reports a commit to the victim of a deadlock that swallows the error': async (c) => {
    await insertItem(c.outside, c.id('a'));
    await insertItem(c.outside, c.id('b'));
    const bothHoldOne = barrier(2);
    const lock = (name: string) =>
      c.transactions
        .sql()
        .query('select id from contract_item where id = ? for update', [c.id(name)]);
    const inOrder = (first: string, second: string) =>
      c.transactions.run(async () => {
        await c.insertBySql(`by ${first}`);
        await lock(first);
        await bothHoldOne.arrive();
        await lock(second).catch(() => undefined);
        return first;
      });
    const outcomes = await Promise.allSettled([inOrder('a', 'b'), inOrder('b', 'a')]);
    const winners = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const errors = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    assert.ok(isTransactionError(errors[0], 'TRANSACTION_ABORTED'), String(errors[0]));
    assert.deepEqual(await c.committed(), ['a', 'b', `by ${winners[0]}`]);
  },
};
