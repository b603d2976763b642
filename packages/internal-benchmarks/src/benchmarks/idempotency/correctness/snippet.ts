import type pg from 'pg';
import type { Ground } from '../ground.js';
import { inPostgres } from '../our-service.js';
import { ourCalls, snippetCall } from '../postgres-calls.js';
import { outcomeOf, SNIPPET, type Observation, type Scenario } from './scenario.js';

const PAIRS = 20;

export const snippetScenarios: readonly Scenario[] = [
  {
    id: '3.1 1',
    defect: `two deliveries at a time: how many of ${PAIRS} pairs both succeed, and payments`,
    peer: SNIPPET,
    observe: (ground) =>
      onPostgres(ground, async (call, pool) => {
        let good = 0;
        for (let i = 0; i < PAIRS; i += 1) {
          const both = await Promise.all([1, 2].map(() => outcomeOf(call(`pair-${i}`))));
          // 23505, unique_violation: the message is refused and comes again.
          if (!both.includes('23505')) good += 1;
        }
        const { rows } = await pool.query<{ count: number }>(
          "select count(*)::int as count from payment where reference like 'pair-%'",
        );
        return `${good} pairs, ${rows[0]?.count} payments`;
      }).then((seen) => ({ ...seen, ok: seen.ours === `${PAIRS} pairs, ${PAIRS} payments` })),
  },
  {
    id: '3.1 4',
    defect: 'what a duplicate is replied',
    peer: SNIPPET,
    observe: (ground) =>
      onPostgres(ground, async (call) => {
        const first = await outcomeOf(call('replied'));
        const duplicate = await outcomeOf(call('replied'));
        return first === duplicate ? 'the same' : duplicate;
      }).then((seen) => ({ ...seen, ok: seen.ours === 'the same' })),
  },
];

async function onPostgres(
  ground: Ground,
  act: (call: (key: string) => Promise<unknown>, pool: pg.Pool) => Promise<string>,
): Promise<Omit<Observation, 'ok'>> {
  const pool = ground.openPool();
  const ours = await inPostgres(pool, ground.schema);
  try {
    const peerResult = await act(snippetCall(pool), pool);
    await pool.query('truncate payment');
    return { peerResult, ours: await act(ourCalls(ours).replying, pool) };
  } finally {
    await ours.close();
    await pool.end();
  }
}
