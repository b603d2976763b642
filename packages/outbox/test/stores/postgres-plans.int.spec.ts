import { testDatabase, type TestDatabase } from '@acme/internal-testing';
import { PostgresOutboxStore, type OutboxStore } from '@acme/nest-outbox';
import { sqlOf } from '@acme/nest-transaction';
import { beforeEach, describe, expect, it } from 'vitest';

interface PlanNode {
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly PlanNode[];
}

/** The most rows that one step of the plan has looked at. */
function mostRows(node: PlanNode): number {
  const loops = node['Actual Loops'];
  const own = (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * loops;
  return Math.max(own, ...(node.Plans ?? []).map(mostRows));
}

const MANY = 50_000;

const LATER = `insert into outbox_delayed (lane, message_id, type, occurred_at, payload, available_at)
  select i % 16, i, 'x', now(), '{}', now() + interval '1 day' from generate_series(1, ${MANY}) i`;
const HELD_BACK = `insert into outbox_blocks (block, lane, available_at)
  select '#' || i, i % 16, now() + interval '1 day' from generate_series(1, ${MANY}) i`;
const KEPT = `insert into outbox_published (seq, lane, message_id, type, occurred_at, payload)
  select i, i % 16, i, 'x', now(), '{}' from generate_series(1, ${MANY}) i`;

const LANES = Array.from({ length: 16 }, (_, lane) => lane);
const rules = { strictOrder: false, sequence: false };

describe('what is not due costs nothing, however much there is', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await testDatabase();
  });

  it.each<[string, string, (store: OutboxStore) => Promise<unknown>]>([
    ['promote', LATER, (store) => store.promote(500, rules)],
    ['promote in order', LATER, (store) => store.promote(500, { ...rules, sequence: true })],
    ['readWaiting', HELD_BACK, (store) => store.readWaiting(LANES, [], 50)],
    ['waitingEntries', HELD_BACK, (store) => store.waitingEntries(LANES, 2_000)],
    // Once a minute, of a table that grows: it has been analysed.
    ['purge (analysed)', KEPT, (store) => store.operations.purge(86_400_000, 5_000)],
  ])('%s', async (name, rows, ask) => {
    const store = new PostgresOutboxStore({ database: database.pool });
    await store.prepare(undefined);
    await database.pool.query(rows);
    const asked: { text: string; params: readonly unknown[] }[] = [];
    const recording = new PostgresOutboxStore({
      database: {
        dialect: 'postgres',
        query: async (text: string, params: readonly unknown[]) => {
          asked.push({ text, params });
          return { rows: [], rowCount: 0 };
        },
      },
    });
    await ask(recording);
    for (const isAnalysed of name.includes('analysed') ? [true] : [false, true]) {
      if (isAnalysed) await database.pool.query('analyze');
      const { text, params } = asked[0]!;
      const found = await sqlOf(database.pool).query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
        `explain (analyze, format json) ${text}`,
        params,
      );
      expect(mostRows(found.rows[0]!['QUERY PLAN'][0].Plan)).toBeLessThanOrEqual(20);
    }
  });
});
