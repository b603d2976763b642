import { startPrivate, testMariaDatabase, waitFor } from '@acme/internal-testing';
import { MariaDbOutboxStore, OutboxAdmin, type OutboxFinding } from '@acme/nest-outbox';
import mariadb from 'mariadb';
import { createConnection, createPool, type Connection, type Pool } from 'mysql2/promise';
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { doctor } from '../support/findings.js';

const HOUR = 3_600_000;

/** Tables with a relay that holds all lanes. */
async function prepared(pool: Pool) {
  const store = new MariaDbOutboxStore({ database: pool });
  await store.prepare(undefined);
  await store.tend('relay-a', [], HOUR);
  await store.claim('relay-a', [], 16, HOUR);
  return { store, admin: new OutboxAdmin(store.operations) };
}

const rowsOf = async <Row>(on: Pool | Connection, sql: string): Promise<Row[]> => {
  const [rows] = await on.query(sql);
  return rows as Row[];
};

const threadOf = async (on: Pool | Connection): Promise<number> => {
  const [row] = await rowsOf<{ thread: number }>(on, 'select connection_id() as thread');
  return row!.thread;
};

/** Ends with the test, whatever that is waiting for. */
const opened = async (uri: string): Promise<Connection> => {
  const connection = await createConnection({ uri });
  onTestFinished(() => connection.destroy());
  return connection;
};

/** Of one transaction: the server may have others, of other databases. */
const ofThread = (found: readonly OutboxFinding[], code: string, thread: number): OutboxFinding[] =>
  found.filter((one) => one.code === code && one.detail['thread'] === thread);

/** InnoDB takes a new look at its transactions when nobody has asked for them for a tenth of a second. */
const SLOWLY = { intervalMs: 150 };

/** What the remedy says, word for word. */
const apply = async (pool: Pool, remedy: string) => {
  const [, sql] = /: ((?:alter|set|grant|kill)[^;]*);/.exec(remedy) ?? [];
  if (!sql) throw new Error(`no statement in: ${remedy}`);
  await pool.query(sql);
};

describe('the doctor, in MariaDB', () => {
  let url: string;
  let pool: Pool;
  let database: string;
  let admin: OutboxAdmin;
  let store: MariaDbOutboxStore;
  beforeEach(async () => {
    ({ url, pool, database } = await testMariaDatabase());
    ({ admin, store } = await prepared(pool));
  });

  const indexesOf = () =>
    rowsOf<{ table: string; name: string; column: string }>(
      pool,
      `select table_name as \`table\`, index_name as name, group_concat(column_name order by seq_in_index) as \`column\`
       from information_schema.statistics
       where table_schema = database() and table_name <> 'outbox_schema'
       group by table_name, index_name`,
    );

  it('finds every index and primary key that is missing, with the SQL that mends it', async () => {
    const before = await indexesOf();
    expect(before.length).toBeGreaterThanOrEqual(13);
    for (const { table, name, column } of before) {
      const key = name === 'PRIMARY';
      const [numbered] = await rowsOf(
        pool,
        `show columns from ${table} where extra like '%auto_increment%'`,
      );
      const unnumber = key && numbered ? `modify ${column} bigint not null, ` : '';
      await pool.query(
        `alter table ${table} ${unnumber}${key ? 'drop primary key' : `drop index ${name}`}`,
      );
      const found = await admin.doctor();
      expect(found, `${table} ${name}`).toMatchObject([
        { code: 'INDEX_MISSING', severity: 'error', detail: { table, primaryKey: key } },
      ]);
      await apply(pool, found[0]!.remedy);
      await expect(admin.doctor(), `${table} ${name}`).resolves.toEqual([]);
    }
    expect(await indexesOf()).toEqual(before);
  });

  it('numbers messages on where it gives back their primary key, and not again from the first', async () => {
    await pool.query(
      `insert into outbox_parked (seq, lane, message_id, type, occurred_at, attempts, reason, error, history)
       values (41, 0, 'm', 'x', now(), 1, 'UNROUTABLE', '', '[]')`,
    );
    await pool.query(
      'alter table outbox_messages modify seq bigint not null, drop primary key, add key of_mine (seq)',
    );
    const found = (await admin.doctor()).find(({ code }) => code === 'INDEX_MISSING');
    await apply(pool, found!.remedy);
    await pool.query(
      `insert into outbox_messages (lane, message_id, type, occurred_at) values (0, 'n', 'x', now())`,
    );
    expect(await rowsOf(pool, 'select seq from outbox_messages')).toEqual([{ seq: 42 }]);
  });

  it('finds an index of our name that is another one, or that the server is told to ignore', async () => {
    const spoilt = async (sql: string) => {
      await pool.query(`alter table outbox_waiting ${sql}`);
      const found = await admin.doctor();
      expect(found, sql).toMatchObject([
        { code: 'INDEX_MISSING', detail: { table: 'outbox_waiting' } },
      ]);
      await apply(pool, found[0]!.remedy);
      await expect(admin.doctor(), sql).resolves.toEqual([]);
      return found[0]!.message;
    };
    const index = 'outbox_waiting_block';
    await spoilt(`drop index ${index}, add index ${index} (seq)`);
    await spoilt(`drop index ${index}, add index ${index} (block(10), seq)`);
    await spoilt(`rename index ${index} to of_mine`);
    await spoilt('drop primary key, add primary key (seq, lane)');
    expect(await spoilt(`alter index ${index} ignored`)).toContain('is ignored');
  });

  it('tells of a missing index on the command line, in the schema that it was given', async () => {
    await pool.query('drop index outbox_blocks_due on outbox_blocks');
    const elsewhere = new URL(url);
    elsewhere.pathname = '/';
    const { exit, findings } = await doctor(elsewhere.href, ['--schema', database]);
    expect(exit).toBe(3);
    expect(findings).toMatchObject([
      {
        code: 'INDEX_MISSING',
        remedy: `Run: alter table \`${database}\`.\`outbox_blocks\` add index outbox_blocks_due (available_at);`,
        detail: { table: 'outbox_blocks', columns: ['available_at'] },
      },
    ]);
  });

  it('finds tables that are not of InnoDB, or that take keys for the same that differ', async () => {
    await pool.query('alter table outbox_parked engine = aria');
    await pool.query('alter table outbox_blocks convert to character set utf8mb4');
    const found = await admin.doctor();
    expect(found).toMatchObject([
      {
        code: 'TABLE_SETTINGS',
        severity: 'error',
        detail: { table: 'outbox_parked', engine: 'Aria' },
      },
      {
        code: 'TABLE_SETTINGS',
        severity: 'error',
        detail: { table: 'outbox_blocks', collations: [expect.stringMatching(/_ci$/) as string] },
      },
    ]);
    for (const { remedy } of found) await apply(pool, remedy);
    await expect(admin.doctor()).resolves.toEqual([]);
  });

  it('works with either driver, whatever a session takes for its time zone and isolation', async () => {
    const { hostname, port, username, password } = new URL(url);
    const other = mariadb.createPool({
      ...{ host: hostname, port: Number(port), user: username, password, database },
      initSql: "set time_zone = '-11:00', tx_isolation = 'SERIALIZABLE'",
    });
    await pool.query(
      `insert into outbox_parked (seq, lane, message_id, type, occurred_at, attempts, reason, error, history)
       values (1, 0, 'm', 'x', now(), 1, 'UNROUTABLE', '', '[]')`,
    );
    // It waits for nobody's rows.
    const holder = await opened(url);
    await holder.beginTransaction();
    for (const table of ['lanes', 'parked', 'blocks', 'messages'])
      await holder.query(`select * from outbox_${table} for update`);
    const same = new MariaDbOutboxStore({ database: other });
    const [one, two] = [
      await store.operations.examine!(60_000),
      await same.operations.examine!(60_000),
    ];
    expect(one.parked).toEqual([
      { reason: 'UNROUTABLE', type: 'x', messages: 1, oldestMs: expect.any(Number) as number },
    ]);
    const { clock, parked, ...rest } = two;
    expect(Math.abs(clock.aheadMs)).toBeLessThan(60_000);
    expect(parked[0]!.oldestMs).toBeLessThan(60_000);
    expect(rest).toEqual({ ...rest, ...one, clock: undefined, parked: undefined });
    await other.end();
  });

  describe('while transactions are open', () => {
    const waiting = (count: number) =>
      waitFor(
        async () => {
          const [row] = await rowsOf<{ count: number }>(
            pool,
            `select count(*) as count from information_schema.innodb_locks
             where lock_table like concat('\`', database(), '\`.%')`,
          );
          // The one that is held, and those that are waited for.
          return row?.count === count + 1;
        },
        { what: 'a transaction that waits', ...SLOWLY },
      );

    it('finds the one whose rows others wait for, and tells nothing of what it handles', async () => {
      const holder = await opened(url);
      const thread = await threadOf(holder);
      await holder.beginTransaction();
      const relay = await opened(url);
      await relay.query('set innodb_lock_wait_timeout = 100');
      await holder.query('select * from outbox_lanes where lane = 3 for update');
      // Nobody waits, so it is nobody's trouble.
      expect(ofThread(await admin.doctor({ maxAge: 1 }), 'ROWS_HELD', thread)).toEqual([]);
      const stuck = relay.query('update outbox_lanes set trying = null where lane = 3');
      await waiting(1);
      expect(ofThread(await admin.doctor({ maxAge: '1h' }), 'ROWS_HELD', thread)).toEqual([]);
      // Its clock has whole seconds.
      const findings = await waitFor(async () => {
        const found = ofThread(await admin.doctor({ maxAge: 1_500 }), 'ROWS_HELD', thread);
        return found.length > 0 ? found : undefined;
      }, SLOWLY);
      expect(findings).toMatchObject([
        {
          severity: 'error',
          message: expect.stringMatching(
            new RegExp(`thread ${thread} \\(\\S+, database ${database}, idle, .*\`outbox_lanes\``),
          ) as string,
          remedy: expect.stringContaining(`kill ${thread};`) as string,
          detail: { waiters: 1, tables: `\`${database}\`.\`outbox_lanes\``, command: 'Sleep' },
        },
      ]);

      const secret =
        `select /* 's3cr3t' */ 's3cr3t', "s'3cr3t", 'it''s', 4711 as \`a column\` from (select sleep(20)) d ` +
        `-- s3cr3t's\n where 's3\\'cr3t' <> 's3cr3t'`;
      const asking = holder.query(secret).catch((error: unknown) => error);
      const shown = await waitFor(async () => {
        const [found] = ofThread(await admin.doctor({ maxAge: 1 }), 'ROWS_HELD', thread);
        return found?.detail['query'] === undefined ? undefined : found;
      }, SLOWLY);
      expect(shown.detail['query']).toBe(
        `select '…', "…", '…', … as \`a column\` from (select sleep(…)) d where '…'`,
      );
      expect(JSON.stringify(shown)).not.toMatch(/s3|cr3t|4711/);
      await apply(pool, shown.remedy);
      await stuck;
      await asking;
      await waitFor(
        async () => ofThread(await admin.doctor({ maxAge: 1 }), 'ROWS_HELD', thread).length === 0,
        SLOWLY,
      );
    });

    it('says when it may not see them, and finds all else', async () => {
      const user = `${database.slice(0, 60)}_doctor`;
      await pool.query(`create user ${user} identified by 's3cr3t'`);
      try {
        await pool.query(`grant select on ${database}.* to ${user}`);
        await pool.query('drop index outbox_blocks_due on outbox_blocks');
        const own = new URL(url);
        [own.username, own.password] = [user, 's3cr3t'];
        const { of, codes, error } = await doctor(own.href);
        expect(error).toBeUndefined();
        expect(codes).toEqual(['INDEX_MISSING', 'TRANSACTIONS_UNSEEN']);
        const [unseen] = of('TRANSACTIONS_UNSEEN');
        expect(unseen).toMatchObject({
          severity: 'warning',
          remedy: expect.stringContaining(`grant process on *.* to \`${user}\`@\`%\`;`) as string,
          detail: { user: `${user}@%` },
        });
        await apply(pool, unseen!.remedy);
        expect((await doctor(own.href)).codes).toEqual(['INDEX_MISSING']);
      } finally {
        await pool.query(`drop user ${user}`);
      }
    });
  });
});

describe('the doctor, of a whole MariaDB', () => {
  let url: string;
  let pool: Pool;
  let admin: OutboxAdmin;
  let root: Pool;
  beforeAll(async () => {
    const server = await startPrivate('mariadb', {
      settings: { 'innodb-flush-log-at-trx-commit': '0', 'log-bin': 'log', 'sync-binlog': '0' },
    });
    root = createPool({ uri: server.url });
    await root.query('create database shop');
    url = `${server.url}/shop`;
    pool = createPool({ uri: url });
    ({ admin } = await prepared(pool));
    return async () => {
      await pool.end();
      await root.end();
    };
  });

  const HISTORY = `select cast(variable_value as int) as length from information_schema.global_status
    where variable_name = 'Innodb_history_list_length'`;
  const history = async () => (await rowsOf<{ length: number }>(pool, HISTORY))[0]!.length;
  /** Each statement a transaction of its own. */
  const churn = async (transactions: number) => {
    await pool.query(`begin not atomic
      set sql_log_bin = 0;
      for i in 1..${transactions} do
        update outbox_lanes set deaths = i where lane = 0;
      end for;
      update outbox_lanes set deaths = 0;
      set sql_log_bin = 1;
    end`);
  };
  const codes = async (maxAge: number | '1h') =>
    (await admin.doctor({ maxAge })).map(({ code }) => code);

  it('finds the transaction that holds purge back while old versions pile up; and that they do', async () => {
    const holder = await opened(url);
    const thread = await threadOf(holder);
    await holder.query('start transaction with consistent snapshot');
    // Nothing piles up.
    await expect(codes(1)).resolves.toEqual([]);
    await churn(11_000);
    expect(await history()).toBeGreaterThan(10_000);
    await expect(codes('1h')).resolves.toEqual([]);
    const [finding, ...others] = await waitFor(async () => {
      const found = await admin.doctor({ maxAge: 1 });
      return found.length > 0 ? found : undefined;
    }, SLOWLY);
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      code: 'PURGE_HELD',
      severity: 'warning',
      message: expect.stringMatching(
        new RegExp(`thread ${thread} \\(root@\\S+, database shop, idle, `),
      ) as string,
      detail: { thread, user: 'root', database: 'shop', command: 'Sleep' },
    });
    // Young ones are not to blame, but that so many are kept is one of the things to know.
    await churn(90_000);
    const [lag] = await admin.doctor({ maxAge: '1h' });
    expect(lag).toMatchObject({ code: 'PURGE_LAG', severity: 'warning' });
    expect(lag!.detail['history']).toBeGreaterThan(100_000);
    await apply(pool, finding!.remedy);
    await waitFor(async () => (await history()) < 10_000, { deadlineMs: 60_000 });
    await waitFor(async () => (await codes(1)).length === 0, SLOWLY);
  });

  it('finds a prepared transaction, which has no connection', async () => {
    const client = await opened(url);
    for (const sql of [
      "xa start 'mine'",
      'select * from outbox_lanes where lane = 5 for update',
      `update outbox_lanes set deaths = 0 where lane = 5`,
      "insert into outbox_relays values ('x', now())",
      "xa end 'mine'",
      "xa prepare 'mine'",
    ])
      await client.query(sql);
    await client.end();
    const waiter = await opened(url);
    const stuck = waiter.query('update outbox_lanes set deaths = 0 where lane = 5');
    const held = await waitFor(async () => {
      const found = await admin.doctor({ maxAge: 1 });
      return found.find(({ code }) => code === 'ROWS_HELD');
    }, SLOWLY);
    expect(held).toMatchObject({
      remedy: expect.stringContaining('xa recover;') as string,
      detail: { thread: 0 },
    });
    const [{ data }] = (await rowsOf<{ data: string }>(pool, 'xa recover')) as [{ data: string }];
    await pool.query(`xa rollback '${data}'`);
    await stuck;
    await waitFor(async () => (await codes(1)).length === 0, SLOWLY);
  });

  it('finds that it takes no writes', async () => {
    await root.query('set global read_only = on');
    const [finding, ...others] = await admin.doctor();
    expect(finding).toMatchObject({ code: 'SERVER_READ_ONLY', severity: 'error' });
    expect(others).toEqual([]);
    await apply(root, finding!.remedy);
    await expect(admin.doctor()).resolves.toEqual([]);
  });

  it('finds that its settings do not let the relay work, and connections that do not', async () => {
    await root.query("set global binlog_format = 'STATEMENT'");
    expect((await doctor(url)).findings).toMatchObject([
      {
        code: 'SERVER_UNFIT',
        severity: 'error',
        message: expect.stringContaining('binlog_format = STATEMENT') as string,
        remedy: expect.stringContaining('Set MIXED') as string,
      },
    ]);
    await root.query("set global binlog_format = 'MIXED'");
    await root.query("set global init_connect = 'set autocommit = 0'");
    await root.query("create user ann identified by 'ann'");
    await root.query('grant all on shop.* to ann');
    await root.query('grant process on *.* to ann');
    const own = new URL(url);
    [own.username, own.password] = ['ann', 'ann'];
    expect((await doctor(own.href)).findings).toMatchObject([
      { code: 'SERVER_UNFIT', message: expect.stringContaining('autocommit off') as string },
    ]);
    await root.query("set global init_connect = ''");
    await expect(doctor(own.href)).resolves.toMatchObject({ exit: 0, healthy: true });
  });
});
