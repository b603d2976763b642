import assert from 'node:assert/strict';
import { isTransactionError } from '../transaction.errors.js';
import type { IsolationLevel } from '../transaction-adapter.js';
import { barrier, type CaseContext, insertItem, rejection } from './case-context.js';
import type { TransactionContractFeatures } from './contract.js';

type Case = (context: CaseContext<unknown>) => Promise<void>;

/** Isolation levels, concurrency, and what comes of conflicts. */
export function isolationCases(features: TransactionContractFeatures): Record<string, Case> {
  return {
    'refuses to join with another isolation level': async (c) => {
      const run = c.transactions.run(() =>
        c.transactions.run(async () => undefined, { isolation: 'serializable' }),
      );
      assert.ok(isTransactionError(await rejection(run), 'TRANSACTION_ISOLATION_CONFLICT'));
    },

    ...(features.dialect === 'postgres' && { 'opens the level that is asked for': opensLevels }),
    ...(!features.singleConnection && {
      'sees what others commit meanwhile, on read committed': seesOthers,
      'sees one moment only, on repeatable read': seesOneMoment,
      'repeats after a conflict, where the caller allows it':
        features.dialect === 'postgres' ? repeatsAfterConflict : repeatsAfterDeadlock,
    }),

    'keeps fifty interleaved transactions apart': async (c) => {
      const numbers = Array.from({ length: 50 }, (_, index) => index);
      const failed = new Error('odd ones roll back');
      const runs = numbers.map((number) =>
        c.transactions.run(async () => {
          const name = String(number).padStart(2, '0');
          await c.insert(`${name} user`);
          await Promise.resolve();
          await c.insertBySql(`${name} package`);
          const seen = await c.names(c.transactions.sql());
          assert.ok(seen.includes(`${name} user`) && seen.includes(`${name} package`));
          // Others that are open are invisible; what is visible of others is complete.
          assert.equal(seen.length % 2, 0);
          if (number % 2 === 1) throw failed;
        }),
      );
      const outcomes = await Promise.allSettled(runs);
      const rejected = outcomes.filter((outcome) => outcome.status === 'rejected');
      assert.deepEqual(new Set(rejected.map(({ reason }) => reason as unknown)), new Set([failed]));
      const expected = numbers
        .filter((number) => number % 2 === 0)
        .map((number) => String(number).padStart(2, '0'))
        .flatMap((name) => [`${name} package`, `${name} user`]);
      assert.deepEqual(await c.committed(), expected);
    },
  };
}

const opensLevels: Case = async (c) => {
  const levels: IsolationLevel[] = ['read committed', 'repeatable read', 'serializable'];
  for (const isolation of levels) {
    await c.transactions.run(
      async () => {
        const { rows } = await c.transactions
          .sql()
          .query(`select current_setting('transaction_isolation') as level`);
        assert.deepEqual(rows, [{ level: isolation }]);
      },
      { isolation },
    );
  }
};

async function namesAfterOther(c: CaseContext<unknown>, isolation: IsolationLevel) {
  return c.transactions.run(
    async () => {
      assert.deepEqual(await c.names(c.transactions.sql()), []);
      await insertItem(c.outside, c.id('other'));
      return c.names(c.transactions.sql());
    },
    { isolation },
  );
}

const seesOthers: Case = async (c) =>
  assert.deepEqual(await namesAfterOther(c, 'read committed'), ['other']);

const seesOneMoment: Case = async (c) =>
  assert.deepEqual(await namesAfterOther(c, 'repeatable read'), []);

const repeatsAfterConflict: Case = async (c) => {
  await insertItem(c.outside, c.id('contended'));
  let runs = 0;
  const move = `update contract_item set id = $1 where id like $2`;
  await c.transactions.run(
    async () => {
      runs += 1;
      await c.names(c.transactions.sql());
      if (runs === 1) await c.outside.query(move, [c.id('theirs'), c.id('%')]);
      await c.transactions.sql().query(move, [c.id('ours'), c.id('%')]);
    },
    { isolation: 'repeatable read', retrySerialization: { attempts: 3, while: () => true } },
  );
  assert.equal(runs, 2);
  assert.deepEqual(await c.committed(), ['ours']);
};

const repeatsAfterDeadlock: Case = async (c) => {
  await insertItem(c.outside, c.id('a'));
  await insertItem(c.outside, c.id('b'));
  const bothHoldOne = barrier(2);
  const lock = (name: string) =>
    c.transactions
      .sql()
      .query('select id from contract_item where id = ? for update', [c.id(name)]);
  let runs = 0;
  const inOrder = (first: string, second: string) =>
    c.transactions.run(
      async () => {
        runs += 1;
        await lock(first);
        await bothHoldOne.arrive();
        await lock(second);
        await c.insertBySql(`done ${first}`);
      },
      { retrySerialization: { attempts: 3, while: () => true } },
    );
  await Promise.all([inOrder('a', 'b'), inOrder('b', 'a')]);
  assert.equal(runs, 3);
  assert.deepEqual(await c.committed(), ['a', 'b', 'done a', 'done b']);
};
