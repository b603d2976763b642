import assert from 'node:assert/strict';
import { isTransactionError } from '../transaction.errors.js';
import { type CaseContext, rejection, signal } from './case-context.js';
import type { TransactionContractFeatures } from './contract.js';

type Case = (context: CaseContext<unknown>) => Promise<void>;

/** Joining, suspending, and the scope of a transaction. */
export function nestingCases(features: TransactionContractFeatures): Record<string, Case> {
  return {
    'joins the open transaction': async (c) => {
      const run = c.transactions.run(async () => {
        await c.insert('outer');
        const outer = c.transactions.current();
        await c.transactions.run(async () => {
          assert.equal(c.transactions.current(), outer);
          await c.insert('inner');
        });
        assert.deepEqual(await c.names(c.transactions.sql()), ['inner', 'outer']);
        throw new Error('all of it');
      });
      await rejection(run);
      assert.deepEqual(await c.committed(), []);
    },

    'rolls back when a joined run has failed and its error was swallowed': async (c) => {
      const inner = new Error('inner');
      const run = c.transactions.run(async () => {
        await c.insert('outer');
        await c.transactions.run(() => Promise.reject(inner)).catch(() => undefined);
      });
      const error = await rejection(run);
      assert.ok(isTransactionError(error, 'TRANSACTION_ROLLBACK_ONLY'), String(error));
      assert.equal((error as Error).cause, inner);
      assert.deepEqual(await c.committed(), []);
    },

    ...(features.singleConnection ? { 'refuses requiresNew': refusesRequiresNew } : suspending),

    'is over when run is over': async (c) => {
      const ended = signal();
      let late: Promise<unknown>[] = [];
      await c.transactions.run(async () => {
        await c.insert('in time');
        const after = (use: () => unknown): Promise<unknown> => rejection(ended.sent.then(use));
        late = [
          after(() => c.transactions.current()),
          after(() => c.transactions.sql()),
          after(() => c.insert('late')),
        ];
      });
      assert.equal(c.transactions.isActive, false);
      ended.send();
      for (const error of await Promise.all(late)) {
        assert.ok(isTransactionError(error, 'TRANSACTION_ENDED'), String(error));
      }
      assert.deepEqual(await c.committed(), ['in time']);
    },

    'knows whether user code was given the handle': async (c) => {
      await c.transactions.run(async () => {
        await c.insertBySql('package');
        assert.equal(c.transactions.touched, features.ambient ? undefined : false);
        await c.insert('user');
        assert.equal(c.transactions.touched, true);
      });
    },

    ...callbacks,
  };
}

const refusesRequiresNew: Case = async (c) => {
  const run = c.transactions.run(() =>
    c.transactions.run(async () => undefined, { requiresNew: true }),
  );
  assert.ok(isTransactionError(await rejection(run), 'TRANSACTION_UNSUPPORTED'));
};

const suspending: Record<string, Case> = {
  'commits a requiresNew transaction although the outer one rolls back': async (c) => {
    const run = c.transactions.run(async () => {
      await c.insert('outer');
      const outer = c.transactions.current();
      await c.transactions.run(
        async () => {
          assert.notEqual(c.transactions.current(), outer);
          assert.deepEqual(await c.names(c.transactions.sql()), []);
          await c.insert('inner');
        },
        { requiresNew: true },
      );
      assert.equal(c.transactions.current(), outer);
      await c.insert('outer again');
      throw new Error('outer only');
    });
    await rejection(run);
    assert.deepEqual(await c.committed(), ['inner']);
  },

  'commits the outer transaction although a requiresNew one rolls back': async (c) => {
    await c.transactions.run(async () => {
      const inner = c.transactions.run(
        async () => {
          await c.insert('inner');
          throw new Error('inner only');
        },
        { requiresNew: true },
      );
      await rejection(inner);
      await c.insert('outer');
    });
    assert.deepEqual(await c.committed(), ['outer']);
  },

  'calls back outside the suspended transaction as well': async (c) => {
    const active: boolean[] = [];
    await c.transactions.run(() =>
      c.transactions.run(
        async () => {
          await c.insert('inner');
          c.transactions.afterCommit(() => void active.push(c.transactions.isActive));
        },
        { requiresNew: true },
      ),
    );
    assert.deepEqual(active, [false]);
  },
};

const callbacks: Record<string, Case> = {
  'calls back after the commit, in order, and outside the transaction': async (c) => {
    const seen: unknown[] = [];
    await c.transactions.run(async () => {
      await c.insert('written');
      c.transactions.afterCommit(async () => {
        seen.push(c.transactions.isActive, await c.committed());
      });
      c.transactions.afterCommit(() => Promise.reject(new Error('logged')));
      c.transactions.afterCommit(() => void seen.push('last'));
      assert.deepEqual(seen, []);
    });
    assert.deepEqual(seen, [false, ['written'], 'last']);
    assert.equal(c.callbackErrors.length, 1);
  },

  'calls nobody back after a rollback': async (c) => {
    let called = false;
    const run = c.transactions.run(async () => {
      c.transactions.afterCommit(() => void (called = true));
      throw new Error('no');
    });
    await rejection(run);
    assert.equal(called, false);
  },
};
