import assert from 'node:assert/strict';
import { sqlStateOf } from '../sql-state.js';
import { rejection, type CaseContext } from './case-context.js';
import type { TransactionContractFeatures } from './contract.js';

type Case = (context: CaseContext<unknown>) => Promise<void>;

/** A statement that may travel with the `begin`. */
export function openingCases({ dialect }: TransactionContractFeatures): Record<string, Case> {
  return {
    'carries its opening statement out inside the transaction, or leaves that to its work': async (
      c,
    ) => {
      const error = new RangeError('no');
      for (const end of ['kept', 'undone']) {
        const opening = `insert into contract_item (id) values ('${c.id(end)}')`;
        const run = c.transactions.run(
          async (opened) => {
            if (opened) assert.equal(opened.rowCount, 1);
            else await c.insertBySql(end);
            assert.ok((await c.names(c.transactions.sql())).includes(end));
            if (end === 'undone') throw error;
          },
          { opening },
        );
        if (end === 'undone') assert.equal(await rejection(run), error);
        else await run;
      }
      assert.deepEqual(await c.committed(), ['kept']);
    },

    'rejects with the error of its opening statement, and leaves nothing open': async (c) => {
      let opened = 0;
      const run = () =>
        c.transactions.run(
          async (done) => {
            opened += done ? 1 : 0;
            if (!done) await c.transactions.sql().query('select nothing_like_it');
          },
          { opening: 'select nothing_like_it' },
        );
      const state = dialect === 'postgres' ? '42703' : '42S22';
      for (let time = 0; time <= c.poolSize; time += 1)
        assert.equal(sqlStateOf(await rejection(run())), state);
      assert.equal(opened, 0);
    },
  };
}
