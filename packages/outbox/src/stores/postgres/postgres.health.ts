import type { SqlExecutor } from '@acme/nest-transaction';
import { durationText } from '@acme/nest-message-context/kit';
import type { OutboxFinding } from '../../contracts/examination.js';
import * as statements from './postgres.health.sql.js';
import { findHolders, type Holder } from './postgres.holders.js';
import type { OutboxTable, TableName } from '../sql/tables.js';
import { SHAPES, settingsOf } from './postgres.shape.js';

/** More than a table collects in a minute or two of vacuum's absence at a usual pace, and few enough to do no harm yet. */
const MANY_DEAD = 10_000;
/** Autovacuum looks once a minute, and may be busy elsewhere. */
const VACUUM_OVERDUE_MS = 5 * 60_000;

interface TableRow {
  readonly name: OutboxTable;
  readonly live: number;
  readonly dead: number;
  readonly vacuumed_ms: number | null;
  readonly settings: string;
}

interface IndexRow {
  readonly table_name: OutboxTable;
  readonly name: string;
  readonly is_primary: boolean;
  readonly is_valid: boolean;
  readonly columns: string;
}

interface ServerRow {
  readonly autovacuum: string;
  readonly track_counts: string;
  readonly sees_others: boolean;
}

const NAMES = Object.keys(SHAPES) as OutboxTable[];

/** What PostgreSQL knows of the tables: what is missing of what the migration made, and whether vacuum keeps up. */
export async function examineTables(
  sql: SqlExecutor,
  t: TableName,
  patienceMs: number,
): Promise<OutboxFinding[]> {
  const named = [NAMES.map(t)];
  const { rows: tables } = await sql.query<TableRow>(statements.tables, named);
  const { rows: indexes } = await sql.query<IndexRow>(statements.indexes, named);
  const { rows: servers } = await sql.query<ServerRow>(statements.server);
  const server = servers[0] as ServerRow;
  const piling = tables.filter(({ dead, live }) => dead > MANY_DEAD && dead > live);
  const { rows: holders } =
    piling.length > 0 ? await sql.query<Holder>(statements.holders, [patienceMs]) : { rows: [] };
  return [
    ...NAMES.flatMap((name) => missingIndexes(name, t, indexes)),
    ...serverVacuum(server),
    ...tables.flatMap((row) => [...vacuumOff(row, t), ...missingSettings(row, t)]),
    ...findHolders(holders, piling),
    ...piling.flatMap((row) => unvacuumed(row, t, server)),
  ];
}

function missingIndexes(
  table: OutboxTable,
  t: TableName,
  found: readonly IndexRow[],
): OutboxFinding[] {
  const own = found.filter(({ table_name }) => table_name === table);
  const { primaryKey, indexes } = SHAPES[table];
  const findings: OutboxFinding[] = [];
  const key = primaryKey.join(',');
  if (!own.some(({ is_primary, columns }) => is_primary && columns === key))
    findings.push({
      code: 'INDEX_MISSING',
      severity: 'error',
      message: `${t(table)} has no primary key (${key}): every statement on it reads the whole table, and may find a row twice.`,
      remedy: `Run: alter table ${t(table)} add primary key (${key});`,
      detail: { table, columns: primaryKey, primaryKey: true },
    });
  for (const [index, columns] of Object.entries(indexes)) {
    const like = own.filter((one) => one.columns === columns.join(','));
    if (like.some(({ is_valid }) => is_valid)) continue;
    const [invalid] = like;
    const create = `create index concurrently ${index} on ${t(table)} (${columns.join(', ')});`;
    findings.push({
      code: 'INDEX_MISSING',
      severity: 'error',
      message: invalid
        ? `The index ${invalid.name} of ${t(table)} is invalid: its creation has failed, and nothing uses it.`
        : `${t(table)} has no index on (${columns.join(', ')}): what should be a look becomes a walk through the whole table.`,
      remedy: invalid
        ? `Drop it (drop index concurrently, in the schema of the table) and run: ${create}`
        : `Run: ${create}`,
      detail: { table, columns, primaryKey: false },
    });
  }
  return findings;
}

function serverVacuum({ autovacuum, track_counts }: ServerRow): OutboxFinding[] {
  const off = Object.entries({ autovacuum, track_counts }).filter(([, value]) => value === 'off');
  return off.map(([setting]) => ({
    code: 'AUTOVACUUM_OFF',
    severity: 'error',
    message: `Autovacuum does not run in this server (${setting} = off): tables from which every row is deleted grow without end, and reading them gets slower every hour.`,
    remedy: `Set ${setting} = on in the server's configuration and reload it.`,
    detail: { setting },
  }));
}

function vacuumOff({ name, settings }: TableRow, t: TableName): OutboxFinding[] {
  if (!/(^|,)autovacuum_enabled=(false|off|0|no)(,|$)/i.test(settings)) return [];
  return [
    {
      code: 'AUTOVACUUM_OFF',
      severity: 'error',
      message: `Autovacuum is switched off for ${t(name)}: it grows without end, and reading it gets slower every hour.`,
      remedy: `Run: alter table ${t(name)} reset (autovacuum_enabled); vacuum ${t(name)};`,
      detail: { table: name },
    },
  ];
}

function missingSettings({ name, settings }: TableRow, t: TableName): OutboxFinding[] {
  const has = new Set(settings.split(',').map((setting) => setting.split('=')[0]));
  // Another value is somebody's decision.
  const missing = Object.fromEntries(
    Object.entries(SHAPES[name].settings).filter(([setting]) => !has.has(setting)),
  );
  if (Object.keys(missing).length === 0) return [];
  return [
    {
      code: 'TABLE_SETTINGS',
      severity: 'warning',
      message: `${t(name)} lacks settings of the migration (${Object.keys(missing).join(', ')}): with the defaults vacuum comes too rarely for a table that is nearly empty most of the time.`,
      remedy: `Run: alter table ${t(name)} set (${settingsOf(name, missing)});`,
      detail: { table: name, missing },
    },
  ];
}

function unvacuumed(
  { name, dead, live, vacuumed_ms }: TableRow,
  t: TableName,
  { sees_others }: ServerRow,
): OutboxFinding[] {
  if (vacuumed_ms !== null && vacuumed_ms < VACUUM_OVERDUE_MS) return [];
  const last = vacuumed_ms === null ? 'never' : `${durationText(vacuumed_ms)} ago`;
  const blind = sees_others
    ? ''
    : ' Transactions of other roles that hold vacuum back cannot be seen by this role: grant it pg_read_all_stats.';
  return [
    {
      code: 'DEAD_TUPLES',
      severity: 'warning',
      message: `${t(name)} has about ${dead} dead rows beside ${live} live ones, and was last vacuumed ${last}: every read walks over them.`,
      remedy: `Run: vacuum ${t(name)}; then see why autovacuum does not come: switched off, too few workers (autovacuum_max_workers), or a lock that is never released.${blind}`,
      detail: { table: name, dead, live, vacuumedMs: vacuumed_ms },
    },
  ];
}
