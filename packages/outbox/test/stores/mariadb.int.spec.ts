import { randomUUID } from 'node:crypto';
import {
  addressOf,
  testMariaDatabase,
  waitFor,
  type TestMariaDatabase,
} from '@acme/internal-testing';
import { MariaDbOutboxStore, OutboxSchemaError, type NewMessage } from '@acme/nest-outbox';
import { fromMysql2, sqlOf } from '@acme/nest-transaction';
import mariadb from 'mariadb';
import type { RowDataPacket } from 'mysql2';
import { createPool } from 'mysql2/promise';
import { beforeEach, describe, expect, it } from 'vitest';

const message = (more: Partial<NewMessage> = {}): NewMessage => ({
  messageId: randomUUID(),
  type: 't',
  key: 'k',
  exchange: null,
  routingKey: null,
  contentType: null,
  headers: null,
  occurredAt: 0,
  payload: '1',
  due: null,
  ...more,
});

const PLAIN = { strictOrder: false, sequence: false };

describe('MariaDbOutboxStore', () => {
  let database: TestMariaDatabase;
  beforeEach(async () => {
    database = await testMariaDatabase();
    return () => database.close();
  });
  const store = (options = {}) => new MariaDbOutboxStore({ database: database.pool, ...options });
  const rowsOf = async (sql: string, params: unknown[] = []) =>
    (await database.pool.query<RowDataPacket[]>(sql, params))[0];
  const add = (to: MariaDbOutboxStore, messages: readonly NewMessage[]) =>
    fromMysql2(database.pool).transaction(
      (connection) => to.insert(sqlOf(connection), messages, PLAIN),
      {},
    );

  it('is migrated by any number of processes at once, and by a second run not at all', async () => {
    await Promise.all(Array.from({ length: 8 }, () => store().prepare(undefined)));
    const one = store();
    await one.prepare(16);
    expect(one.lanes).toBe(16);
    expect(await rowsOf('select version from outbox_schema')).toEqual([{ version: 1 }]);
  });

  it('has one relay at a time enter what is due, so that two do not mix up the order of a key', async () => {
    const one = store();
    await one.prepare(1);
    await add(one, [message({ due: { atMs: 0 } }), message({ due: { atMs: 1 } })]);
    const client = await database.pool.getConnection();
    await client.query('start transaction');
    // As another relay has it while it is at it.
    await client.query('select version from outbox_schema where version = 1 for update');
    expect(await one.promote(10, PLAIN)).toMatchObject({ moved: 0, skipped: 0 });
    await client.query('rollback');
    client.release();
    expect(await one.promote(10, PLAIN)).toMatchObject({ moved: 2, skipped: 0 });
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

  it('creates the schema that it is given, and keeps all of its tables there', async () => {
    const schema = `${database.database}_x`;
    await store({ schema }).prepare(undefined);
    const found = await rowsOf(
      'select table_schema as place, count(*) as count from information_schema.tables where table_schema like ? group by 1',
      [`${database.database}%`],
    );
    expect(found).toEqual([{ place: schema, count: 10 }]);
    await database.pool.query(`drop schema ${schema}`);
  });

  it('goes on where a migration has died, and keeps nobody waiting after one that fails', async () => {
    await store().migrate(4);
    await database.pool.query('delete from outbox_schema');
    await database.pool.query('drop table outbox_blocks, outbox_parked');
    await database.pool.query('delete from outbox_lanes');
    await database.pool.query('alter table outbox_lanes rename column lane to other');
    await expect(store().migrate()).rejects.toMatchObject({ errno: 1054 });
    await database.pool.query('alter table outbox_lanes rename column other to lane');
    const elsewhere = createPool({ uri: database.url });
    await new MariaDbOutboxStore({ database: elsewhere }).prepare(4);
    await elsewhere.end();
    expect(await rowsOf('select version from outbox_schema')).toEqual([{ version: 1 }]);
    expect(await rowsOf('select count(*) as count from outbox_parked')).toEqual([{ count: 0 }]);
  });

  it('works in a database with another character set', async () => {
    await database.pool.query(
      `alter database ${database.database} character set latin1 collate latin1_general_ci`,
    );
    const one = store();
    await one.prepare(1);
    const keys = ['ü', 'Ü', '😀', 'a', 'a '];
    await add(
      one,
      keys.map((key) => message({ key, payload: '"주문"' })),
    );
    const [held] = await one.claim('ü', [], 1, 60_000);
    const rows = await one.readPending([0], [], 10);
    expect(rows.map(({ key }) => key)).toEqual(keys);
    const history = [{ at: '', code: 'ü', message: '주문' }];
    await one.holdBack(
      'pending',
      rows.map((row) => ({ row, attempts: 1, tries: 1, history, delayMs: 0 })),
      [held!],
    );
    const { messages } = await one.readWaiting([0], [rows[3]!.block], 10);
    expect(messages.map((row) => [row.key, row.payload, row.history])).toEqual(
      ['ü', 'Ü', '😀', 'a '].map((key) => [key, '"주문"', history]),
    );
    expect((await one.tend('Ü', [held!], 60_000)).renewed).toEqual([]);
  });

  it('reads and removes by the primary key although the statistics know of no row', async () => {
    const one = store();
    await one.prepare(undefined);
    await database.pool.query('analyze table outbox_messages');
    await database.pool.query(
      `insert into outbox_messages (lane, message_id, type, occurred_at, payload)
       select seq % 16, seq, 'x', utc_timestamp(), '{}' from seq_1_to_100000`,
    );
    const asked: { sql: string; params: readonly unknown[] }[] = [];
    const recording = new MariaDbOutboxStore({
      database: {
        dialect: 'mysql',
        query: async (sql: string, params: readonly unknown[] = []) => {
          asked.push({ sql, params });
          return { rows: [], rowCount: 0 };
        },
      },
    });
    await recording.readPending([0, 1, 2, 3, 4, 5, 6, 7], [1, 2, 3], 500);
    const plan = await rowsOf(`explain ${asked[0]!.sql}`, [...asked[0]!.params]);
    expect(plan[0]).toMatchObject({ table: 'm', type: 'index', key: 'PRIMARY' });
    expect(plan.map(({ Extra }) => Extra as string).join()).not.toContain('filesort');
    await recording.remove('pending', [1, 2, 3], [{ lane: 0, token: 1 }], false);
    const [removal] = /delete m[^;]*/.exec(asked[1]!.sql)!;
    const removing = await rowsOf(
      `explain ${removal.replace('json_table(given', `json_table('[[1],[2]]'`).replace('ours', `'0,1'`)}`,
    );
    expect(removing.map(({ table, type, key }) => [table, type, key])).toEqual([
      ['v', 'ALL', null],
      ['m', 'eq_ref', 'PRIMARY'],
    ]);
  });

  it('adds more than a packet takes, all or nothing, also where somebody goes on after an error', async () => {
    const one = store();
    await one.prepare(undefined);
    const payload = `"${`it's `.repeat(800_000)}"`;
    const many = Array.from({ length: 5 }, (_, n) => message({ messageId: `${n}`, payload }));
    const connection = await database.pool.getConnection();
    await connection.query('start transaction');
    await one.insert(sqlOf(connection), [message({ messageId: 'before' })], PLAIN);
    const tooLong = message({ key: 'k'.repeat(300) });
    await expect(one.insert(sqlOf(connection), [...many, tooLong], PLAIN)).rejects.toMatchObject({
      errno: 1406,
    });
    await one.insert(sqlOf(connection), [message({ messageId: 'after' })], PLAIN);
    await connection.query('commit');
    connection.release();
    const ids = async () =>
      (await rowsOf('select message_id from outbox_messages order by seq')).map(
        (row) => row['message_id'] as string,
      );
    expect(await ids()).toEqual(['before', 'after']);
    await add(one, many);
    expect(await ids()).toEqual(['before', 'after', '0', '1', '2', '3', '4']);
  });

  it('passes a lane by whose former owner still moves something, and changes nothing after a claim', async () => {
    const one = store();
    await one.prepare(2);
    const [mine, second] = await one.claim('a', [], 2, 0);
    await add(one, [message({ key: 'k' })]);
    const [row] = await one.readPending([0, 1], [], 10);
    const held = row!.lane === mine!.lane ? mine! : second!;
    const connection = await database.pool.getConnection();
    await connection.query('start transaction');
    await connection.query('select * from outbox_lanes where lane = ? for update', [held.lane]);
    const claimed = await one.claim('b', [], 2, 60_000);
    expect(claimed.map((other) => other.lane)).toEqual([1 - held.lane]);
    const entry = { row: row!, attempts: 1, tries: 1, history: [], delayMs: 0 };
    const late = one.holdBack('pending', [entry], [held]);
    await waitFor(async () => {
      const waiting = await rowsOf(
        `select 1
         from information_schema.innodb_trx t
         join information_schema.processlist p on p.id = t.trx_mysql_thread_id
         where t.trx_state = 'LOCK WAIT' and p.db = database()`,
      );
      return waiting.length > 0;
    });
    await connection.query('update outbox_lanes set token = token + 1 where lane = ?', [held.lane]);
    await connection.query('commit');
    connection.release();
    await late;
    expect(await one.readBlocks([0, 1])).toEqual([]);
    expect(await one.readPending([0, 1], [], 10)).toHaveLength(1);
  });

  it.each(['read committed', 'repeatable read'])(
    'keeps a strict order at %s with snapshot isolation, and nobody has to begin again',
    async (level) => {
      const one = store();
      await one.prepare(1);
      const pool = createPool({ uri: database.url });
      pool.pool.on('connection', (connection) => {
        connection.query(
          `set innodb_snapshot_isolation = on, tx_isolation = '${level.replace(' ', '-')}'`,
        );
      });
      const adapter = fromMysql2(pool);
      const rules = { strictOrder: false, sequence: true };
      await Promise.all(
        Array.from({ length: 40 }, (_, n) =>
          adapter.transaction(
            (connection) =>
              one.insert(
                sqlOf(connection),
                (n % 2 ? ['a', 'b'] : ['b', 'a']).map((key) => message({ key })),
                rules,
              ),
            {},
          ),
        ),
      );
      await pool.end();
      const rows = await one.readPending([0], [], 100);
      for (const key of ['a', 'b'])
        expect(rows.filter((row) => row.key === key).map(({ sequence }) => sequence)).toEqual(
          Array.from({ length: 40 }, (_, n) => n + 1),
        );
    },
  );

  it('tells where it is, the same for every pool, and another place for other tables', async () => {
    const [one, elsewhere] = [store(), store({ schema: `${database.database}_x` })];
    await Promise.all([one.prepare(1), elsewhere.prepare(1)]);
    const pool = mariadb.createPool({ ...addressOf(database.url), connectionLimit: 1 });
    const other = new MariaDbOutboxStore({ database: pool, schema: database.database });
    await other.prepare(undefined);
    expect(await other.whereabouts()).toBe(await one.whereabouts());
    expect(await elsewhere.whereabouts()).not.toBe(await one.whereabouts());
    await pool.end();
    await database.pool.query(`drop schema ${database.database}_x`);
  });

  it('adds to the transaction of others all or nothing, also with what is due later, and tells why not', async () => {
    const one = store();
    await one.prepare(1);
    const rules = { strictOrder: false, sequence: true };
    const connection = await database.pool.getConnection();
    await connection.query('start transaction');
    await one.insert(sqlOf(connection), [message({ key: 'a' })], rules);
    const late = message({ key: 'a', due: { inMs: 1 } });
    const tooLong = message({ key: 'a', type: 'x'.repeat(300) });
    await expect(
      one.insert(sqlOf(connection), [late, message({ key: 'a' }), tooLong], rules),
    ).rejects.toMatchObject({ errno: 1406 });
    await one.insert(sqlOf(connection), [message({ key: 'a' })], rules);
    await connection.query('commit');
    connection.release();
    expect(await one.operations.status()).toMatchObject({ pending: 2, delayed: 0 });
    expect((await one.readPending([0], [], 9)).map(({ sequence }) => sequence)).toEqual([1, 2]);
  });

  it('tells of a deadlock although it has ended the transaction, savepoint and all', async () => {
    const one = store();
    await one.prepare(1);
    const rules = { strictOrder: true, sequence: false };
    const transaction = (first: string, second: string, meet: () => Promise<void>) =>
      fromMysql2(database.pool).transaction(async (connection) => {
        await one.insert(sqlOf(connection), [message({ key: first })], rules);
        await meet();
        await one.insert(sqlOf(connection), [message({ key: second })], rules);
      }, {});
    let arrived = 0;
    const meet = async () => {
      arrived += 1;
      await waitFor(() => arrived === 2);
    };
    const settled = await Promise.allSettled([
      transaction('a', 'b', meet),
      transaction('b', 'a', meet),
    ]);
    const reasons = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    expect(reasons).toMatchObject([{ errno: 1213 }]);
    expect(await one.operations.status()).toMatchObject({ pending: 2 });
  });

  it('leaves no transaction open on a connection when a statement fails', async () => {
    const single = createPool({ uri: database.url, connectionLimit: 1 });
    const one = new MariaDbOutboxStore({ database: single });
    await one.prepare(1);
    const held = await one.claim('a', [], 1, 60_000);
    await add(one, [message()]);
    const rows = await one.readPending([0], [], 10);
    await single.query('alter table outbox_blocks rename column available_at to other');
    await expect(one.divert(rows, held)).rejects.toMatchObject({ errno: 1054 });
    const [state] = await single.query<RowDataPacket[]>('select @@in_transaction as inside');
    expect(state).toEqual([{ inside: 0 }]);
    await expect(one.readPending([0], [], 10)).resolves.toEqual(rows);
    await single.end();
  });
});
