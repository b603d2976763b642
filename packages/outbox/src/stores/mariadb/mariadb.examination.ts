import type {
  ClockReading,
  OutboxExamination,
  OutboxFinding,
  Route,
} from '../../contracts/examination.js';
import type { MariaDbDatabase } from './mariadb.database.js';
import * as statements from './mariadb.examination.sql.js';
import { examineServer } from './mariadb.health.js';
import type { MariaDbNames } from './mariadb.schema.js';

interface ParkedGroup {
  readonly reason: string;
  readonly type: string;
  readonly messages: number;
  readonly oldest_ms: number;
}

interface RouteRow extends Omit<Route, 'routingKey'> {
  readonly routing_key: string;
}

/** One thing after the other: it may have a single connection. */
export async function examine(
  database: MariaDbDatabase,
  names: MariaDbNames,
  patienceMs: number,
): Promise<OutboxExamination> {
  const t = names.table;
  const rows = <Row>(statement: string, params?: readonly unknown[]): Promise<Row[]> =>
    database.rows<Row>(statement, params);
  const clock = await readClock(database);
  const lapsed = await rows<{ relay: string; lanes: number; ago_ms: number }>(statements.lapsed(t));
  const [overdue] = await rows<{ count: number; oldest_ms: number }>(statements.overdue(t), [
    patienceMs,
  ]);
  const parked = await rows<ParkedGroup>(statements.parked(t));
  const routes = await rows<RouteRow>(statements.unroutable(t));
  const [awaiting] = await rows<{ keys: number }>(statements.awaitingParked(t));
  const [oldest] = await rows<{ ago_ms: number }>(statements.oldestPublished(t));
  const findings = await examineServer(database, names, patienceMs);
  return {
    clock,
    lapsed: lapsed.map(({ relay, lanes, ago_ms }) => ({ relay, lanes, agoMs: ago_ms })),
    overdue: { count: overdue?.count ?? 0, oldestMs: overdue?.oldest_ms ?? 0 },
    blocked: findings.some(isWalk)
      ? []
      : await rows<{ reason: string; keys: number }>(statements.blocked(t)),
    awaitingParked: awaiting?.keys ?? 0,
    parked: parked.map(({ oldest_ms, ...group }) => ({ ...group, oldestMs: oldest_ms })),
    unroutable: routes.map(({ routing_key, ...route }) => ({ ...route, routingKey: routing_key })),
    exchanges: await rows<{ exchange: string; messages: number }>(statements.exchanges(t)),
    oldestPublishedMs: oldest?.ago_ms,
    findings,
  };
}

/** To look at the first message of each key would be a walk through the table for each. */
const isWalk = ({ code, detail }: OutboxFinding): boolean =>
  code === 'INDEX_MISSING' && detail['table'] === 'outbox_waiting';

/** The answer is from some moment between question and answer. */
async function readClock(database: MariaDbDatabase): Promise<ClockReading> {
  const before = Date.now();
  const [row] = await database.rows<{ now_ms: number }>(statements.clock);
  const after = Date.now();
  const { now_ms } = row as { now_ms: number };
  return { aheadMs: (before + after) / 2 - now_ms, uncertaintyMs: (after - before) / 2 };
}
