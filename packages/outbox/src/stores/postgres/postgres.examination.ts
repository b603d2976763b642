import { sqlStateOf, type SqlExecutor } from '@acme/nest-transaction';
import type {
  ClockReading,
  OutboxExamination,
  Route,
  TablesVersion,
} from '../../contracts/examination.js';
import type { TableName } from '../sql/tables.js';
import * as statements from './postgres.examination.sql.js';
import { examineTables } from './postgres.health.js';
import { TABLES_VERSION } from './postgres.schema.js';

const UNDEFINED_TABLE = '42P01';

/** How far the tables are. */
export async function tablesVersion(sql: SqlExecutor, t: TableName): Promise<TablesVersion> {
  const { rows } = await sql
    .query<{ version: number }>(statements.version(t))
    .catch((error: unknown) => {
      if (sqlStateOf(error) !== UNDEFINED_TABLE) throw error;
      return { rows: [] };
    });
  return { found: rows[0]?.version ?? 0, needed: TABLES_VERSION };
}

/** One thing after the other: it may have a single connection. */
export async function examine(
  sql: SqlExecutor,
  t: TableName,
  patienceMs: number,
): Promise<OutboxExamination> {
  const rows = async <Row>(statement: string, params?: readonly unknown[]): Promise<Row[]> =>
    (await sql.query<Row>(statement, params)).rows;
  const clock = await readClock(sql);
  const lapsed = await rows<{ relay: string; lanes: number; ago_ms: number }>(statements.lapsed(t));
  const [overdue] = await rows<{ count: number; oldest_ms: number }>(statements.overdue(t), [
    patienceMs,
  ]);
  const parked = await rows<{ reason: string; type: string; messages: number; oldest_ms: number }>(
    statements.parked(t),
  );
  const routes = await rows<{ exchange: string | null; routing_key: string; messages: number }>(
    statements.unroutable(t),
  );
  const [awaiting] = await rows<{ keys: number }>(statements.awaitingParked(t));
  const [oldest] = await rows<{ ago_ms: number }>(statements.oldestPublished(t));
  return {
    clock,
    lapsed: lapsed.map(({ relay, lanes, ago_ms }) => ({ relay, lanes, agoMs: ago_ms })),
    overdue: { count: overdue?.count ?? 0, oldestMs: overdue?.oldest_ms ?? 0 },
    blocked: await rows<{ reason: string; keys: number }>(statements.blocked(t)),
    awaitingParked: awaiting?.keys ?? 0,
    parked: parked.map(({ oldest_ms, ...group }) => ({ ...group, oldestMs: oldest_ms })),
    unroutable: routes.map(({ routing_key, ...route }): Route => ({
      ...route,
      routingKey: routing_key,
    })),
    exchanges: await rows<{ exchange: string; messages: number }>(statements.exchanges(t)),
    oldestPublishedMs: oldest?.ago_ms,
    findings: await examineTables(sql, t, patienceMs),
  };
}

/** The answer is from some moment between question and answer. */
async function readClock(sql: SqlExecutor): Promise<ClockReading> {
  const before = Date.now();
  const { rows } = await sql.query<{ now_ms: number }>(statements.clock);
  const after = Date.now();
  const { now_ms } = rows[0] as { now_ms: number };
  return { aheadMs: (before + after) / 2 - now_ms, uncertaintyMs: (after - before) / 2 };
}
