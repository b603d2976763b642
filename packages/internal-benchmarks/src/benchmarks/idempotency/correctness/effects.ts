import type pg from 'pg';
import { inPostgres } from '../our-service.js';
import { powertools } from '../powertools-peer.js';
import { outcomeOf, POWERTOOLS, type Scenario } from './scenario.js';

/** Writes to the database, and fails after that the first time. */
function failingAfterEffect(write: (reference: string) => Promise<unknown>) {
  let runs = 0;
  return async (): Promise<void> => {
    await write('effect');
    if (++runs === 1) throw new Error('after the effect');
  };
}

export const effectScenarios: readonly Scenario[] = [
  {
    id: 'W 3',
    defect: 'a failure after the effect, then the repetition: payments made',
    peer: POWERTOOLS,
    observe: async (ground) => {
      const pool = ground.openPool();
      const pay = (client: pg.Pool | pg.PoolClient) => (reference: string) =>
        client.query('insert into payment (reference, amount) values ($1, 1)', [reference]);
      const theirs = await powertools(ground, failingAfterEffect(pay(pool)));
      const ours = await inPostgres(pool, ground.schema);
      const own = failingAfterEffect((reference) =>
        pay(ours.transactions!.current<pg.PoolClient>())(reference),
      );
      try {
        const peerResult = await paymentsAfterTwo(() => theirs.call({ order: 'effect' }), pool);
        const call = () => ours.service.run('effect', own, { name: 'effect' });
        const result = await paymentsAfterTwo(call, pool);
        return { peerResult, ours: result, ok: result === '1' };
      } finally {
        await theirs.close();
        await ours.close();
        await pool.end();
      }
    },
  },
];

async function paymentsAfterTwo(call: () => Promise<unknown>, pool: pg.Pool): Promise<string> {
  await outcomeOf(call());
  await outcomeOf(call());
  const { rowCount } = await pool.query("delete from payment where reference = 'effect'");
  return String(rowCount);
}
