import { startPrivate, testDatabase, waitFor, type TestDatabase } from '@acme/internal-testing';
import { OutboxAdmin, PostgresOutboxStore } from '@acme/nest-outbox';
import pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { doctor } from '../support/findings.js';

const HOUR = 3_600_000;

/** Tables with a relay that holds all lanes. */
async function prepared(pool: pg.Pool) {
  const store = new PostgresOutboxStore({ database: pool });
  await store.prepare(undefined);
  await store.tend('relay-a', [], HOUR);
  await store.claim('relay-a', [], 16, HOUR);
  return { store, admin: new OutboxAdmin(store.operations) };
}

const churn = (pool: pg.Pool) =>
  pool.query(
    `insert into outbox_messages (lane, message_id, type, occurred_at, payload)
     select 0, i, 'x', now(), '{}' from generate_series(1, 20000) i;
     delete from outbox_messages`,
  );
/** What the statistics collector has been told. */
const dead = async (pool: pg.Pool): Promise<number> => {
  const { rows } = await pool.query<{ dead: number }>(
    `select n_dead_tup::int as dead from pg_stat_all_tables where relid = 'outbox_messages'::regclass`,
  );
  return rows[0]?.dead ?? 0;
};

describe('the doctor, in PostgreSQL', () => {
  let database: TestDatabase;
  let admin: OutboxAdmin;
  beforeEach(async () => {
    database = await testDatabase();
    ({ admin } = await prepared(database.pool));
  });
  /** Each statement by itself: some want no transaction. */
  const apply = async (remedy: string) => {
    const [, sql = ''] = /Run: (.*)$/.exec(remedy) ?? [];
    for (const statement of sql.split(';'))
      if (statement.trim()) await database.pool.query(statement);
  };

  it('finds every index and primary key that is missing, with the SQL that mends it', async () => {
    const { rows } = await database.pool.query<{ table: string; name: string; key: boolean }>(
      `select c.relname as table, x.relname as name, i.indisprimary as key
       from pg_index i join pg_class c on c.oid = i.indrelid join pg_class x on x.oid = i.indexrelid
       where c.relnamespace = current_schema()::regnamespace and c.relname <> 'outbox_schema'
       order by 2`,
    );
    expect(rows.length).toBeGreaterThanOrEqual(13);
    for (const { table, name, key } of rows) {
      await database.pool.query(
        key ? `alter table ${table} drop constraint ${name}` : `drop index ${name}`,
      );
      const found = await admin.doctor();
      expect(found, name).toMatchObject([
        { code: 'INDEX_MISSING', severity: 'error', detail: { table, primaryKey: key } },
      ]);
      await apply(found[0]!.remedy);
      await expect(admin.doctor(), name).resolves.toEqual([]);
    }
  });

  it('tells of a missing index on the command line, in the schema that it was given', async () => {
    await database.pool.query('drop index outbox_waiting_block');
    const { exit, findings } = await doctor(database.url, ['--schema', database.schema]);
    expect(exit).toBe(3);
    expect(findings).toMatchObject([
      {
        code: 'INDEX_MISSING',
        remedy: `Run: create index concurrently outbox_waiting_block on "${database.schema}".outbox_waiting (block, seq);`,
        detail: { table: 'outbox_waiting', columns: ['block', 'seq'] },
      },
    ]);
  });

  it('finds an index whose creation has failed', async () => {
    await database.pool.query('drop index outbox_waiting_block');
    const client = await database.pool.connect();
    await client.query('begin; insert into outbox_blocks values (1, 1, now());');
    // It waits for the writer, and is left behind invalid when it is broken off.
    const creator = await database.pool.connect();
    await creator.query(`set statement_timeout = 500`);
    await client.query('lock table outbox_waiting in row exclusive mode');
    await expect(
      creator.query(
        'create index concurrently outbox_waiting_block on outbox_waiting (block, seq)',
      ),
    ).rejects.toMatchObject({ code: '57014' });
    await client.query('rollback');
    client.release();
    creator.release(true);
    await expect(admin.doctor()).resolves.toMatchObject([
      {
        code: 'INDEX_MISSING',
        message: expect.stringMatching(/outbox_waiting_block.*is invalid/) as string,
        remedy: expect.stringMatching(/^Drop it/) as string,
      },
    ]);
  });

  it('finds settings of the migration that are gone, and leaves alone what somebody has decided', async () => {
    await database.pool.query(
      'alter table outbox_lanes reset (fillfactor, autovacuum_vacuum_threshold)',
    );
    await database.pool.query('alter table outbox_blocks set (autovacuum_vacuum_threshold = 50)');
    const found = await admin.doctor();
    expect(found).toMatchObject([
      {
        code: 'TABLE_SETTINGS',
        severity: 'warning',
        detail: {
          table: 'outbox_lanes',
          missing: { fillfactor: '10', autovacuum_vacuum_threshold: '1000' },
        },
      },
    ]);
    await apply(found[0]!.remedy);
    await expect(admin.doctor()).resolves.toEqual([]);
  });

  it('finds a table for which autovacuum is off, and that it has not been vacuumed', async () => {
    await database.pool.query('alter table outbox_messages set (autovacuum_enabled = false)');
    const found = await admin.doctor();
    expect(found).toMatchObject([
      { code: 'AUTOVACUUM_OFF', severity: 'error', detail: { table: 'outbox_messages' } },
    ]);
    await churn(database.pool);
    await waitFor(async () => (await dead(database.pool)) > 10_000);
    const { of, codes } = await doctor(database.url);
    expect(codes).toEqual(['AUTOVACUUM_OFF', 'DEAD_TUPLES']);
    expect(of('DEAD_TUPLES')).toMatchObject([
      {
        severity: 'warning',
        message: expect.stringContaining('last vacuumed never') as string,
        detail: { table: 'outbox_messages', live: 0, vacuumedMs: null },
      },
    ]);
    await apply(found[0]!.remedy);
    await waitFor(async () => (await dead(database.pool)) === 0);
    await expect(admin.doctor()).resolves.toEqual([]);
  });

  it('finds the transaction that holds vacuum back, and tells nothing of what it handles', async () => {
    // For this test autovacuum must not be quicker.
    await database.pool.query('alter table outbox_messages set (autovacuum_enabled = false)');
    const holder = new pg.Client({
      connectionString: database.url,
      application_name: 'monthly-report',
    });
    await holder.connect();
    await holder.query('begin isolation level repeatable read');
    const secret = `select 's3cr3t', $$s3cr3t$$, '${'x'.repeat(400)}' as "a column"`;
    await holder.query(secret);
    const { rows } = await holder.query<{ pid: number }>('select pg_backend_pid() as pid');
    await holder.query(secret);
    const held = async (...args: string[]) =>
      (await doctor(database.url, args)).findings.filter(({ code }) => code === 'XMIN_HELD');
    // Nothing piles up, so it is nobody's trouble.
    expect(await held('--max-age', '1ms')).toEqual([]);
    await churn(database.pool);
    await waitFor(async () => (await dead(database.pool)) > 10_000);
    expect(await held('--max-age', '1h')).toEqual([]);
    const [finding] = await held('--max-age', '1ms');
    expect(finding).toMatchObject({
      severity: 'warning',
      message: expect.stringMatching(
        new RegExp(`process ${rows[0]!.pid} \\(monthly-report, idle in transaction, `),
      ) as string,
      remedy: expect.stringContaining(`pg_terminate_backend(${rows[0]!.pid})`) as string,
      detail: {
        kind: 'transaction',
        pid: rows[0]!.pid,
        application: 'monthly-report',
        query: `select '…', '…', '…' as "a column"`,
      },
    });
    await holder.end();
    expect(await held('--max-age', '1ms')).toEqual([]);
  });

  it('finds that the whole server has no autovacuum, and a prepared transaction', async () => {
    const server = await startPrivate('postgres', {
      settings: { autovacuum: 'off', max_prepared_transactions: '5' },
    });
    const pool = new pg.Pool({ connectionString: server.url });
    await prepared(pool);
    await pool.query("begin; create table t (a int); prepare transaction 'it''s mine'");
    await churn(pool);
    await waitFor(async () => (await dead(pool)) > 10_000);
    const { of } = await doctor(server.url, ['--max-age', '1ms']);
    expect(of('AUTOVACUUM_OFF')).toMatchObject([{ detail: { setting: 'autovacuum' } }]);
    expect(of('DEAD_TUPLES')).toHaveLength(1);
    const [finding] = of('XMIN_HELD');
    expect(finding).toMatchObject({ detail: { kind: 'prepared transaction', name: "it's mine" } });
    const [, remedy = ''] = /or (rollback prepared .*);/.exec(finding!.remedy) ?? [];
    await pool.query(remedy);
    expect((await doctor(server.url, ['--max-age', '1ms'])).of('XMIN_HELD')).toEqual([]);
    await pool.end();
  });

  it('says when it cannot see whose transaction it is', async () => {
    await database.pool.query('alter table outbox_messages set (autovacuum_enabled = false)');
    await churn(database.pool);
    await waitFor(async () => (await dead(database.pool)) > 10_000);
    const role = `${database.schema}_doctor`;
    await database.pool.query(
      `create role ${role} login password 'doctor'; grant usage on schema ${database.schema} to ${role};
       grant select on all tables in schema ${database.schema} to ${role}`,
    );
    try {
      const url = new URL(database.url);
      [url.username, url.password] = [role, 'doctor'];
      const { of, error } = await doctor(url.href);
      expect(error).toBeUndefined();
      expect(of('DEAD_TUPLES')).toMatchObject([
        { remedy: expect.stringContaining('grant it pg_read_all_stats') as string },
      ]);
    } finally {
      await database.pool.query(`drop owned by ${role}; drop role ${role}`);
    }
  });
});
