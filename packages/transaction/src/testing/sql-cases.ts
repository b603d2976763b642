import assert from 'node:assert/strict';
import { sqlOf } from '../sql-of.js';
import { type CaseContext, rejection } from './case-context.js';
import type { TransactionContractFeatures } from './contract.js';

type Case = (context: CaseContext<unknown>) => Promise<void>;

const NOTE = `it's "quoted", \\ escaped, 100 % ? $1 :name {} – 漢字 🦀`;
const BYTES = Uint8Array.from([0, 1, 39, 92, 127, 128, 255]);
const AMOUNT = 9_007_199_254_740_993n;
const AT = new Date('2026-02-28T23:59:59.123Z');

/** The executor: parameters in, rows and counts out. */
export function sqlCases({ dialect }: TransactionContractFeatures): Record<string, Case> {
  const postgres = dialect === 'postgres';
  return {
    'passes parameters of every kind unharmed': postgres ? postgresParameters : mysqlParameters,

    ...(postgres && {
      'casts parameters where the statement says so': postgresCasts,
      'leaves question marks and colons of a statement alone': postgresText,
    }),

    'counts the rows that were returned or affected': countsRows,

    ...(postgres && {
      'returns what a changing statement returns': async (c: CaseContext<unknown>) => {
        await c.transactions.run(async () => {
          const result = await c.transactions
            .sql()
            .query('insert into contract_item (id) values ($1), ($2) returning id', [
              c.id('1'),
              c.id('2'),
            ]);
          assert.deepEqual(result, { rows: [{ id: c.id('1') }, { id: c.id('2') }], rowCount: 2 });
        });
      },
    }),

    'is the same transaction when sqlOf() is given the handle': async (c) => {
      const run = c.transactions.run(async () => {
        await c.insert('open');
        const sql = sqlOf(c.transactions.current(), { inTransaction: true });
        assert.equal(sql.dialect, dialect);
        assert.deepEqual(await c.names(sql), ['open']);
        await sql.query(`insert into contract_item (id) values (${postgres ? '$1' : '?'})`, [
          c.id('too'),
        ]);
        throw new Error('no');
      });
      await rejection(run);
      assert.deepEqual(await c.committed(), []);
    },
  };
}

const countsRows: Case = async (c) => {
  const holder = c.outside.dialect === 'postgres' ? ['$1', '$2', '$3'] : ['?', '?', '?'];
  await c.transactions.run(async () => {
    const sql = c.transactions.sql();
    const inserted = await sql.query(
      `insert into contract_item (id) values ${holder.map((one) => `(${one})`).join(', ')}`,
      [c.id('1'), c.id('2'), c.id('3')],
    );
    assert.deepEqual(inserted, { rows: [], rowCount: 3 });
    const selected = await sql.query(`select id from contract_item where id = ${holder[0]}`, [
      c.id('1'),
    ]);
    assert.deepEqual(selected, { rows: [{ id: c.id('1') }], rowCount: 1 });
    const updated = await sql.query(
      `update contract_item set id = ${holder[0]} where id = ${holder[1]}`,
      [c.id('4'), c.id('1')],
    );
    assert.deepEqual(updated, { rows: [], rowCount: 1 });
    const deleted = await sql.query(`delete from contract_item where id like ${holder[0]}`, [
      c.id('%'),
    ]);
    assert.deepEqual(deleted, { rows: [], rowCount: 3 });
    const none = await sql.query(`select id from contract_item where id = ${holder[0]}`, [
      c.id('1'),
    ]);
    assert.deepEqual(none, { rows: [], rowCount: 0 });
  });
};

const VALUES = [NOTE, AMOUNT, -7, true, { a: [1, NOTE] }, BYTES, AT, null] as const;

const postgresParameters: Case = async (c) => {
  await c.transactions.run(async () => {
    const sql = c.transactions.sql();
    await sql.query(
      `insert into contract_value (id, note, amount, small, flag, doc, bytes, happened_at, nothing)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [c.id('all'), ...VALUES],
    );
    const { rows } = await sql.query(
      `select note, amount::text as amount, small, flag, doc::text as doc, bytes,
              to_char(happened_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at, nothing
       from contract_value where id = $1`,
      [c.id('all')],
    );
    assertRow(rows[0]);
  });
};

const mysqlParameters: Case = async (c) => {
  await c.transactions.run(async () => {
    const sql = c.transactions.sql();
    await sql.query(
      `insert into contract_value (id, note, amount, small, flag, doc, bytes, happened_at, nothing)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      [c.id('all'), ...VALUES],
    );
    const { rows } = await sql.query<Record<string, unknown>>(
      `select note, cast(amount as char) as amount, small, flag, cast(doc as char) as doc, bytes,
              happened_at, nothing
       from contract_value where id = ?`,
      [c.id('all')],
    );
    const { happened_at: at, flag, ...row } = rows[0] ?? {};
    assertRow({ ...row, flag: flag === 1 || flag === true, at: toMoment(at).toISOString() });
  });
};

/** Drizzle gives the text of the server, which is in the zone of the connection; mysql2's default is the process's. */
const toMoment = (at: unknown): Date =>
  at instanceof Date ? at : new Date(String(at).replace(' ', 'T'));

function assertRow(row: Record<string, unknown> | undefined): void {
  const { bytes, doc, ...rest } = row ?? {};
  assert.deepEqual(Uint8Array.from(bytes as Uint8Array), BYTES);
  assert.deepEqual(JSON.parse(String(doc)), { a: [1, NOTE] });
  assert.deepEqual(rest, {
    note: NOTE,
    amount: String(AMOUNT),
    small: -7,
    flag: true,
    at: AT.toISOString(),
    nothing: null,
  });
}

const postgresCasts: Case = async (c) => {
  await c.transactions.run(async () => {
    const { rows } = await c.transactions.sql().query(
      `select $1::jsonb ->> 'a' as json, ($2::text[])[2] as element, cardinality($3::bigint[]) as size,
              $4::bigint::text as amount, $5::timestamptz = $6::text::timestamptz as same_moment,
              $7::text is null as missing, length($8::bytea) as bytes`,
      [{ a: NOTE }, ['x', NOTE], [1n, 2, null], AMOUNT, AT, AT.toISOString(), undefined, BYTES],
    );
    assert.deepEqual(rows, [
      {
        json: NOTE,
        element: NOTE,
        size: 3,
        amount: String(AMOUNT),
        same_moment: true,
        missing: true,
        bytes: BYTES.length,
      },
    ]);
  });
};

const postgresText: Case = async (c) => {
  await c.transactions.run(async () => {
    const { rows } = await c.transactions
      .sql()
      .query(
        `select $1::jsonb ? 'key' as has, '? $1 :key ::text' as literal, 'x'::text as cast, $2::text as again, $2::text as twice`,
        ['{"key": 1}', NOTE],
      );
    assert.deepEqual(rows, [
      { has: true, literal: '? $1 :key ::text', cast: 'x', again: NOTE, twice: NOTE },
    ]);
  });
};
