import { isTransactionError, type SqlExecutor, type SqlResult } from '@acme/nest-transaction';
import { createHash } from 'node:crypto';
import type { ClaimRequest, LeaseState } from '../../core/store.js';
import type { Answers, Hold, SqlStatements } from '../sql/sql-statements.js';
import {
  bytesOf,
  claimOf,
  foundOf,
  recordOf,
  type ClaimedRow,
  type FoundRow,
  type RecordRow,
} from '../sql/sql-rows.js';
import { statsOf, type StatsRow } from '../sql/sql-stats.js';
import { PostgresStatementError } from './postgres.errors.js';
import { openingSql } from './postgres.opening.js';
import { MIGRATIONS, migrationSql, presenceSql, versionSql } from './postgres.schema.js';
import type { PostgresTables } from './postgres.schema.js';
import * as texts from './postgres.sql.js';

/** @param channel what is notified of every end; undefined: nobody listens */
export function postgresStatements(tables: PostgresTables, channel?: string): SqlStatements {
  const forClaims = (lease: boolean) => ({
    insert: texts.insertSql(tables, lease, channel),
    insertMany: texts.insertManySql(tables, lease, channel),
    takeOver: texts.takeOverSql(tables, lease, channel),
  });
  const [inTransaction, leased] = [forClaims(false), forClaims(true)];
  const claimsOf = ({ lease }: Hold) => (lease ? leased : inTransaction);
  const purgeLock = lockOf(createHash('sha256').update(`purge ${tables.records}`).digest());

  return {
    ...leaseStatements(tables, channel),
    ...tableStatements(tables),
    opening: openingOf(tables, channel),

    async insertOne(sql, { id, name, fingerprint }, hold) {
      const key = bytesOf(id);
      const params = [key, name, fingerprint, hold.keepMs, lockOf(key), ...leaseOf(hold)];
      const [row] = await rowsOf<{ fence: unknown }>(sql, claimsOf(hold).insert, params);
      return row && claimOf({ ...row, attempt: 1 });
    },

    async insert(sql, requests, hold) {
      const params = many(requests, hold);
      return claimed(await rowsOf(sql, claimsOf(hold).insertMany, params));
    },

    async takeOver(sql, requests, hold) {
      return claimed(await rowsOf(sql, claimsOf(hold).takeOver, many(requests, hold)));
    },

    async lookup(sql, ids) {
      return (await rowsOf<FoundRow>(sql, texts.lookupSql(tables), [ids.map(bytesOf)])).map(
        foundOf,
      );
    },

    async addOutcome(sql, id, outcome) {
      await run(sql, texts.addOutcomeSql(tables), [bytesOf(id), outcome]);
    },

    async countAttempt(sql, { id, name }, attemptTtlMs, step) {
      const key = bytesOf(id);
      const params = [key, name, lockOf(key), attemptTtlMs];
      const text = texts.countAttemptSql(tables, step);
      return (await rowsOf<{ attempt: number }>(sql, text, params))[0]?.attempt;
    },

    async get(sql, id) {
      const [row] = await rowsOf<RecordRow>(sql, texts.getSql(tables), [bytesOf(id)]);
      return row && recordOf(id, row);
    },

    async remove(sql, id, state) {
      const key = bytesOf(id);
      return changed(sql, texts.removeSql(tables, channel), [key, state, lockOf(key)]);
    },

    async purge(sql, limit) {
      return (await run(sql, texts.purgeSql(tables), [limit, purgeLock])).rowCount;
    },
  };
}

function openingOf(
  tables: PostgresTables,
  channel: string | undefined,
): NonNullable<SqlStatements['opening']> {
  const text = openingSql(tables, channel);
  return {
    text: (request, keepMs) => text(request, keepMs, lockOf(bytesOf(request.id))),
    answer: ({ rows: [row] }) => row && claimOf({ fence: row['fence'], attempt: 1 }),
  };
}

function leaseStatements(
  tables: PostgresTables,
  channel: string | undefined,
): Pick<SqlStatements, 'settle' | 'release' | 'extend'> {
  const sqls = {
    settle: texts.settleSql(tables, channel),
    release: texts.releaseSql(tables, channel),
    free: texts.freeSql(tables, channel),
    extend: texts.extendSql(tables),
  };
  const leaseState = async (sql: SqlExecutor, text: string, params: unknown[]) =>
    ((await changed(sql, text, params)) ? 'held' : 'lost') satisfies LeaseState;
  return {
    settle: (sql, { id, name, fingerprint }, token, outcome, ttlMs) =>
      leaseState(sql, sqls.settle, [bytesOf(id), name, fingerprint, ttlMs, token, outcome]),
    async release(sql, id, token, attempts) {
      const params = [bytesOf(id), token];
      if (attempts)
        await run(sql, sqls.free, [...params, attempts.ttlMs, attempts.counted ? 0 : 1]);
      else await run(sql, sqls.release, params);
    },
    extend: (sql, id, token, lockTtlMs) =>
      leaseState(sql, sqls.extend, [bytesOf(id), token, lockTtlMs]),
  };
}

function tableStatements(
  tables: PostgresTables,
): Pick<SqlStatements, 'migrate' | 'migrationSql' | 'version' | 'stats'> {
  return {
    async migrate(sql) {
      await run(sql, migrationSql(tables));
    },

    migrationSql: () => `${migrationSql(tables)};\n`,

    async version(sql) {
      const [{ present } = { present: false }] = await rowsOf<{ present: boolean }>(
        sql,
        presenceSql(tables),
      );
      const [newest] = present
        ? await rowsOf<{ version: number; indexed: boolean }>(sql, versionSql(tables))
        : [];
      const missingIndex = newest?.indexed === false ? tables.expiryIndex : undefined;
      return { found: newest?.version ?? 0, needed: MIGRATIONS.length, missingIndex };
    },

    async stats(sql, limit) {
      const [row] = await rowsOf<StatsRow>(sql, texts.statsSql(tables), [limit]);
      return statsOf(row!, limit);
    },
  };
}

const leaseOf = ({ lease }: Hold): unknown[] => (lease ? [lease.token, lease.lockTtlMs] : []);

function many(requests: readonly ClaimRequest[], hold: Hold): unknown[] {
  const keys = requests.map(({ id }) => bytesOf(id));
  return [
    keys,
    requests.map(({ name }) => name),
    requests.map(({ fingerprint }) => fingerprint ?? null),
    hold.keepMs,
    keys.map(lockOf),
    ...leaseOf(hold),
  ];
}

const claimed = (rows: readonly ClaimedRow[]): Answers =>
  new Map(rows.map((row) => [row.id, claimOf(row)]));

/** @throws {PostgresStatementError} */
async function run<Row>(
  sql: SqlExecutor,
  text: string,
  params?: readonly unknown[],
): Promise<SqlResult<Row>> {
  try {
    return await sql.query<Row>(text, params);
  } catch (error) {
    throw isTransactionError(error) ? error : new PostgresStatementError(error);
  }
}

const rowsOf = async <Row>(
  sql: SqlExecutor,
  text: string,
  params?: readonly unknown[],
): Promise<Row[]> => (await run<Row>(sql, text, params)).rows;

/** Whether the statement, which returns what it has changed, has changed anything. */
const changed = async (sql: SqlExecutor, text: string, params: unknown[]): Promise<boolean> =>
  (await run(sql, text, params)).rows.length > 0;

/** The first eight bytes of the hash: who shares them with another key merely waits for it. */
const lockOf = (id: Buffer): string => String(id.readBigInt64BE());
