import {
  isTransactionError,
  mysqlErrnoOf,
  type SqlExecutor,
  type SqlResult,
} from '@acme/nest-transaction';
import type { Claim, ClaimRequest, LeaseState } from '../../core/store.js';
import { RUNNING_UNSEEN, toClaim } from '../sql/sql-claim.js';
import type { Answers, Hold, SqlStatements } from '../sql/sql-statements.js';
import { MariaDbStatementError } from './mariadb.errors.js';
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
import { MIGRATIONS, migrationSql, presenceSql, versionSql } from './mariadb.schema.js';
import type { MariaDbTables } from './mariadb.schema.js';
import * as texts from './mariadb.sql.js';

/** `late`: microseconds between its number and its record. */
interface Late {
  readonly late: unknown;
}
type LateClaim = ClaimedRow & Late;
type LateFound = FoundRow & Late;

/** A lock wait timeout: somebody else has the record locked. The transaction goes on. */
const LOCKED = 1205;
/** A deadlock, and a record that is newer than the snapshot: the transaction is undone. */
const UNDONE = [1213, 1020];

/** Far more than anybody means, and far enough from the year 9999, where `datetime` ends. */
const LONGEST_MS = 1_000 * 365 * 86_400_000;

/** More than a record takes that waits for nothing, and less than a claim that somebody saw the fence of. */
const LATE_MICROSECONDS = 500;

/** How often a lease is claimed that a deadlock undoes: one statement, so nothing else is repeated. */
const LEASE_ATTEMPTS = 5;

export function mariaDbStatements(tables: MariaDbTables): SqlStatements {
  return {
    ...claimStatements(tables),
    ...leaseStatements(tables),

    async countAttempt(sql, { id, name }, attemptTtlMs, step) {
      const params = [bytesOf(id), name, ms(attemptTtlMs)];
      const counting = rowsOf<FoundRow>(sql, texts.countAttemptSql(tables, step), params);
      const [row] = await counting.catch(otherwise([]));
      return row?.state === 'free' ? Number(row.attempt) : undefined;
    },

    async get(sql, id) {
      const getting = rowsOf<RecordRow>(sql, texts.getSql(tables), [bytesOf(id)]);
      const [row] = await getting.catch(otherwise([]));
      return row && recordOf(id, row);
    },

    remove: (sql, id, state) =>
      changed(sql, texts.removeSql(tables), [bytesOf(id), state]).catch(otherwise(false)),

    async purge(sql, limit) {
      return (await run(sql, texts.purgeSql(tables, Math.floor(limit)))).rowCount;
    },

    async migrate(sql) {
      await run(sql, migrationSql(tables));
    },

    // A compound statement: the client of the database has to be told where it ends.
    migrationSql: () => `delimiter //\n${migrationSql(tables)} //\ndelimiter ;\n`,

    async stats(sql, limit) {
      const [row] = await rowsOf<StatsRow>(sql, texts.statsSql(tables), [limit]);
      return statsOf(row!, limit);
    },

    async version(sql) {
      const [row] = await rowsOf<{ present: unknown }>(sql, presenceSql(tables));
      const present = Number(row!.present) === 1;
      const [newest] = present ? await rowsOf<{ version: unknown }>(sql, versionSql(tables)) : [];
      return { found: Number(newest?.version ?? 0), needed: MIGRATIONS.length };
    },
  };
}

function claimStatements(
  tables: MariaDbTables,
): Pick<SqlStatements, 'insert' | 'insertOne' | 'lookup' | 'takeOver' | 'addOutcome'> {
  const inserting = (sql: SqlExecutor, hold: Hold) => async (requests: readonly ClaimRequest[]) => {
    const text = texts.insertSql(tables, requests.length);
    const rows = await rowsOf<LateClaim>(sql, text, paramsOf(requests, hold));
    return answersOf(sql, rows, hold, claimOf);
  };
  const claiming =
    (sql: SqlExecutor, hold: Hold, seconds: 0 | 1) => async (requests: readonly ClaimRequest[]) => {
      const text = texts.claimSql(tables, hold.lease !== undefined, requests.length, seconds);
      const rows = await rowsOf<LateFound>(sql, text, paramsOf(requests, hold));
      // Without a lease only what was found free is asked for, and locked since then: who gets it has taken it.
      return answersOf(sql, rows, hold, (row) =>
        hold.lease ? toClaim(foundOf(row), hold) : claimOf(row),
      );
    };
  const answersOf = async <Row extends LateClaim>(
    sql: SqlExecutor,
    rows: readonly Row[],
    hold: Hold,
    answer: (row: Row) => Claim,
  ): Promise<Answers> => {
    const answers = new Map<string, Claim>();
    for (const row of rows) {
      const claim = answer(row);
      const isLate = claim.state === 'claimed' && Number(row.late) > LATE_MICROSECONDS;
      answers.set(row.id, isLate ? await renewed(sql, row.id, claim, hold) : claim);
    }
    return answers;
  };
  const renewed = async <C extends Claim>(
    sql: SqlExecutor,
    id: string,
    claim: C,
    { lease }: Hold,
  ) => {
    const params = [bytesOf(id), lease?.token];
    await run(sql, texts.renewFenceSql(tables), params);
    const [row] = await rowsOf<ClaimedRow>(sql, texts.fenceSql(tables), params);
    return row ? { ...claim, fence: Number(row.fence) } : claim;
  };
  // A lease is committed at once, so nobody minds the exclusive lock that answers for all of them.
  const insert: SqlStatements['insert'] = (sql, requests, hold) =>
    hold.lease
      ? repeatedly(() => unlocked(requests, claiming(sql, hold, 1), claiming(sql, hold, 0)))
      : unlocked(requests, inserting(sql, hold));
  return {
    insert,
    insertOne: async (sql, request, hold) => (await insert(sql, [request], hold)).get(request.id),

    takeOver: (sql, requests, hold) => unlocked(requests, claiming(sql, hold, 1)),

    async lookup(sql, ids) {
      const text = texts.lookupSql(tables, ids.length);
      return (await rowsOf<FoundRow>(sql, text, ids.map(bytesOf))).map(foundOf);
    },

    async addOutcome(sql, id, outcome) {
      await run(sql, texts.addOutcomeSql(tables), [outcome, bytesOf(id)]);
    },
  };
}

function leaseStatements(
  tables: MariaDbTables,
): Pick<SqlStatements, 'settle' | 'release' | 'extend'> {
  const leaseState = (held: boolean): LeaseState => (held ? 'held' : 'lost');
  return {
    async settle(sql, { id, name, fingerprint }, token, outcome, ttlMs) {
      const params = [bytesOf(id), name, fingerprint, ms(ttlMs), token, outcome, token];
      const [row] = await rowsOf<{ held: unknown }>(sql, texts.settleSql(tables), params);
      return leaseState(Number(row!.held) === 1);
    },
    async release(sql, id, token, attempts) {
      const key = [bytesOf(id), token];
      if (attempts)
        await run(sql, texts.freeSql(tables), [
          attempts.counted ? 0 : 1,
          ms(attempts.ttlMs),
          ...key,
        ]);
      else await run(sql, texts.releaseSql(tables), key);
    },
    async extend(sql, id, token, lockTtlMs) {
      const lock = ms(lockTtlMs);
      const params = [lock, lock, bytesOf(id), token];
      return leaseState(await changed(sql, texts.extendSql(tables), params));
    },
  };
}

/**
 * One of many that is locked undoes the statement for all of them; then each is asked for by itself, and those that are
 * locked are running.
 */
async function unlocked(
  requests: readonly ClaimRequest[],
  claim: (requests: readonly ClaimRequest[]) => Promise<Answers>,
  claimAlone = claim,
): Promise<Answers> {
  try {
    return await claim(requests);
  } catch (error) {
    if (!isLocked(error)) throw error;
  }
  if (requests.length === 1) return new Map([[requests[0]!.id, RUNNING_UNSEEN]]);
  const answers = new Map<string, Claim>();
  for (const request of requests)
    for (const [id, answer] of await unlocked([request], claimAlone)) answers.set(id, answer);
  return answers;
}

/** A claim may be repeated: it answers the same token as it did the first time. */
async function repeatedly<T>(claim: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await claim();
    } catch (error) {
      if (!UNDONE.includes(mysqlErrnoOf(error) ?? 0) || attempt === LEASE_ATTEMPTS) throw error;
    }
  }
}

const isLocked = (error: unknown): boolean => mysqlErrnoOf(error) === LOCKED;

/** What it comes to when an open transaction has the record. */
const otherwise =
  <T>(value: T) =>
  (error: unknown): T => {
    if (isLocked(error)) return value;
    throw error;
  };

/** In one order for everybody, so that no two of many wait for each other. */
const paramsOf = (requests: readonly ClaimRequest[], { lease, keepMs }: Hold): unknown[] =>
  [...requests]
    .sort((one, other) => (one.id < other.id ? -1 : 1))
    .flatMap(({ id, name, fingerprint }) => [
      bytesOf(id),
      name,
      fingerprint,
      ...(lease ? [lease.token, ms(lease.lockTtlMs)] : []),
      ms(keepMs),
    ]);

/** @throws {MariaDbStatementError} */
export async function run<Row>(
  sql: SqlExecutor,
  text: string,
  params: readonly unknown[] = [],
): Promise<SqlResult<Row>> {
  try {
    return await sql.query<Row>(text.trim(), params);
  } catch (error) {
    throw isTransactionError(error) ? error : new MariaDbStatementError(error);
  }
}

const rowsOf = async <Row>(
  sql: SqlExecutor,
  text: string,
  params?: readonly unknown[],
): Promise<Row[]> => (await run<Row>(sql, text, params)).rows;

const changed = async (sql: SqlExecutor, text: string, params: unknown[]): Promise<boolean> =>
  (await run(sql, text, params)).rowCount > 0;

const ms = (given: number): number => Math.min(given, LONGEST_MS);
