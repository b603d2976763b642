import { testDatabase, waitFor, type TestDatabase } from '@acme/internal-testing';
import { OutboxSchemaError, PostgresOutboxStore } from '@acme/nest-outbox';
import { sqlOf } from '@acme/nest-transaction';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';

describe('PostgresOutboxStore', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await testDatabase();
  });
  const store = (options = {}) => new PostgresOutboxStore({ database: database.pool, ...options });

  it('is migrated by any number of processes at once, and by a second run not at all', async () => {
    await Promise.all(Array.from({ length: 8 }, () => store().prepare(undefined)));
    const one = store();
    await one.prepare(16);
    expect(one.lanes).toBe(16);
    const { rows } = await database.pool.query('select version from outbox_schema');
    expect(rows).toEqual([{ version: 1 }]);
  });

  it('has one number of lanes, whoever comes first, and refuses another', async () => {
    const settled = await Promise.allSettled([4, 8, 4, 8].map((lanes) => store().prepare(lanes)));
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
    const late = store();
    await late.prepare(undefined);
    const other = late.lanes === 4 ? 8 : 4;
    await expect(store().prepare(other)).rejects.toThrow(OutboxSchemaError);
    await expect(store().prepare(other)).rejects.toThrow(
      new RegExp(`relay.lanes is ${other}.*${late.lanes} lanes`),
    );
  });

  it('wants its tables to be there where it may not create them', async () => {
    await expect(store({ migrate: false }).prepare(undefined)).rejects.toThrow(OutboxSchemaError);
    await store().migrate();
    await expect(store({ migrate: false }).prepare(undefined)).resolves.toBeUndefined();
  });

  it('keeps its tables in the schema it is given', async () => {
    const other = `${database.schema}_x`;
    await database.pool.query(`create schema ${other}`);
    await store({ schema: other }).prepare(undefined);
    const found = await database.pool.query(
      'select from information_schema.tables where table_schema = $1',
      [other],
    );
    expect(found.rowCount).toBe(10);
  });

  it('reads no more than it needs although the table was empty when it was analysed', async () => {
    const one = store();
    await one.prepare(undefined);
    await database.pool.query('analyze outbox_messages');
    await database.pool.query(
      `insert into outbox_messages (lane, message_id, type, occurred_at, payload)
       select i % 16, i, 'x', now(), '{}' from generate_series(1, 100000) i`,
    );
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
    // In memory: two runs, as after a message in between has been removed.
    const known = Array.from({ length: 1_500 }, (_, i) => i + 1).filter((seq) => seq !== 700);
    await recording.readPending([0, 1, 2, 3, 4, 5, 6, 7], known, 500);
    const { text, params } = asked[0]!;
    const { rows } = await sqlOf(database.pool).query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
      `explain (analyze, format json) ${text}`,
      params,
    );
    expect(rowsTouched(rows[0]!['QUERY PLAN'][0].Plan)).toBeLessThanOrEqual(1_010);
  });

  it('has one relay at a time enter what is due, so that two do not mix up the order of a key', async () => {
    const one = store();
    await one.prepare(1);
    await database.pool.query(
      `insert into outbox_delayed (lane, message_id, type, key, occurred_at, payload, available_at)
       select 0, 'm' || i, 'x', 'k', now(), '{}', now() - interval '1 hour' + i * interval '1 second'
       from generate_series(1, 3) i`,
    );
    const rules = { strictOrder: false, sequence: false };
    const client = await database.pool.connect();
    await client.query('begin');
    const first = await store({ database: sqlOf(client) }).promote(1, rules);
    expect(first.moved).toBe(1);
    await expect(one.promote(10, rules)).resolves.toMatchObject({ moved: 0, skipped: 0 });
    await client.query('commit');
    client.release();
    await expect(one.promote(10, rules)).resolves.toMatchObject({ moved: 2 });
    const rows = await one.readPending([0], [], 10);
    expect(rows.map(({ messageId }) => messageId)).toEqual(['m1', 'm2', 'm3']);
  });

  it('shares lanes and never gives one to two', async () => {
    const one = store();
    await one.prepare(undefined);
    const claimed = await Promise.all(
      ['a', 'b', 'c'].map((relay) => one.claim(relay, [], 8, 60_000)),
    );
    const lanes = claimed.flat().map(({ lane }) => lane);
    expect(new Set(lanes).size).toBe(lanes.length);
    expect(lanes.length).toBeLessThanOrEqual(16);
  });

  it('leaves alone what a former owner of the lane wants to change', async () => {
    const one = store();
    await one.prepare(1);
    const [mine] = await one.claim('a', [], 1, 0);
    await database.pool.query(
      `insert into outbox_messages (lane, message_id, type, occurred_at, payload) values (0, 'm', 'x', now(), '{}')`,
    );
    const rows = await one.readPending([0], [], 10);
    await one.claim('b', [], 1, 60_000);
    await expect(one.tend('a', [mine!], 60_000)).resolves.toEqual({ relays: 1, renewed: [] });
    await expect(one.remove('pending', [rows[0]!.seq], [mine!], false)).resolves.toBe(0);
    await one.divert(rows, [mine!]);
    const entry = { row: rows[0]!, attempts: 1, tries: 1, history: [], delayMs: 0 };
    await one.holdBack('pending', [entry], [mine!]);
    await one.park('pending', [{ ...entry, reason: { code: 'X', message: 'x' } }], [mine!], false);
    await expect(one.readPending([0], [], 10)).resolves.toHaveLength(1);
  });

  describe('while a statement of the former owner is under way', () => {
    const prepared = async () => {
      const one = store();
      await one.prepare(1);
      const [mine] = await one.claim('a', [], 1, 0);
      await database.pool.query(
        `insert into outbox_messages (lane, message_id, type, key, occurred_at, payload) values (0, 'm', 'x', 'k', now(), '{}')`,
      );
      const [row] = await one.readPending([0], [], 10);
      const entry = { row: row!, attempts: 1, tries: 1, history: [], delayMs: 0 };
      return { one, mine: mine!, row: row!, entry };
    };

    it.each(['holdBack', 'divert', 'park', 'remove', 'unblock'] as const)(
      '%s keeps the lane from being claimed, but not from being renewed',
      async (statement) => {
        const { one, mine, row, entry } = await prepared();
        const client = await database.pool.connect();
        await client.query('begin');
        const former = store({ database: sqlOf(client) });
        if (statement === 'unblock') {
          // A lane without blocks has nothing to protect.
          await client.query(
            "insert into outbox_blocks (block, lane, available_at) values ('=gone', 0, now())",
          );
          await former.unblock(['=gone'], [mine]);
        } else if (statement === 'holdBack') await former.holdBack('pending', [entry], [mine]);
        else if (statement === 'divert') await former.divert([row], [mine]);
        else if (statement === 'remove') await former.remove('pending', [row.seq], [mine], false);
        else {
          const reason = { code: 'X', message: 'x' };
          await former.park('pending', [{ ...entry, reason }], [mine], false);
        }
        await expect(one.claim('b', [], 1, 60_000)).resolves.toEqual([]);
        await expect(one.tend('a', [mine], 0)).resolves.toMatchObject({ renewed: [0] });
        await client.query('commit');
        client.release();
        await expect(one.claim('b', [], 1, 60_000)).resolves.toHaveLength(1);
      },
    );

    it('changes nothing once the claim was first', async () => {
      const { one, mine, entry } = await prepared();
      const client = await database.pool.connect();
      await client.query('begin');
      const { rows } = await client.query('select pg_backend_pid() as pid');
      const blocker: unknown = rows[0].pid;
      await store({ database: sqlOf(client) }).claim('b', [], 1, 60_000);
      const late = one.holdBack('pending', [entry], [mine]);
      await waitFor(async () => {
        const { rowCount } = await database.pool.query(
          'select from pg_stat_activity where $1 = any(pg_blocking_pids(pid))',
          [blocker],
        );
        return rowCount === 1;
      });
      await client.query('commit');
      client.release();
      await late;
      await expect(one.readBlocks([0])).resolves.toEqual([]);
      await expect(one.readPending([0], [], 10)).resolves.toHaveLength(1);
    });
  });

  describe('while a message moves behind a block that has none left', () => {
    it.each(['divert', 'holdBack', 'redrive'] as const)(
      'by %s, the block is not freed: also where that began to look before',
      async (change) => {
        const one = store();
        await one.prepare(1);
        const held = await one.claim('a', [], 1, 60_000);
        await database.pool.query(
          `insert into outbox_messages (lane, message_id, type, key, occurred_at, payload)
           select 0, n, 'x', 'k', now(), '{}' from generate_series(1, 2) n`,
        );
        const [first, second] = await one.readPending([0], [], 10);
        const entry = { row: second!, attempts: 1, tries: 1, history: [], delayMs: 0 };
        await one.divert([first!], held);
        await one.remove('waiting', [first!.seq], held, false);
        if (change === 'redrive') {
          const reason = { code: 'X', message: 'x' };
          await one.park('pending', [{ ...entry, reason }], held, false);
        }
        const client = await database.pool.connect();
        onTestFinished(() => client.release());
        await client.query('begin');
        const { rows } = await client.query('select pg_backend_pid() as pid');
        const mover = store({ database: sqlOf(client) });
        if (change === 'divert') await mover.divert([second!], held);
        else if (change === 'holdBack') await mover.holdBack('pending', [entry], held);
        else await mover.operations.redrive({}, 10);
        const freed = one.unblock([first!.block], held);
        await waitFor(async () => {
          const { rowCount } = await database.pool.query(
            'select from pg_stat_activity where $1 = any(pg_blocking_pids(pid))',
            [rows[0].pid],
          );
          return rowCount === 1;
        });
        await client.query('commit');
        await expect(freed).resolves.toEqual([]);
        const { messages } = await one.readWaiting([0], [], 10);
        expect(messages.map(({ seq }) => seq)).toEqual([second!.seq]);
      },
    );

    it('by divert, it waits with a block of its own where the old one was freed before', async () => {
      const one = store();
      await one.prepare(1);
      const held = await one.claim('a', [], 1, 60_000);
      await database.pool.query(
        `insert into outbox_messages (lane, message_id, type, key, occurred_at, payload) values (0, 'm', 'x', 'k', now(), '{}')`,
      );
      await database.pool.query(
        "insert into outbox_blocks (block, lane, available_at) values ('=k', 0, now())",
      );
      const rows = await one.readPending([0], [], 10);
      const client = await database.pool.connect();
      onTestFinished(() => client.release());
      await client.query('begin');
      const freed = await store({ database: sqlOf(client) }).unblock(['=k'], held);
      expect(freed).toEqual(['=k']);
      const diverted = one.divert(rows, held);
      await client.query('select pg_sleep(0.05)');
      await client.query('commit');
      await diverted;
      const { messages } = await one.readWaiting([0], [], 10);
      expect(messages).toHaveLength(1);
    });
  });
});

interface PlanNode {
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly PlanNode[];
}

/** How many rows of tables were looked at. */
function rowsTouched(node: PlanNode): number {
  const { 'Actual Rows': kept, 'Rows Removed by Filter': removed = 0, Plans = [] } = node;
  const own = node['Relation Name'] ? (kept + removed) * node['Actual Loops'] : 0;
  return Plans.reduce((sum, plan) => sum + rowsTouched(plan), own);
}
