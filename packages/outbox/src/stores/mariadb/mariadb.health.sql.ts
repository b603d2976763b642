import { OUTBOX_TABLES } from './mariadb.shape.js';
import type { TableName } from '../sql/tables.js';

/** As the server's own views name the database. */
const named = (schema: string | undefined): string =>
  schema === undefined ? 'database()' : `'${schema}'`;

const OURS = OUTBOX_TABLES.map((name) => `'${name}'`).join(', ');

/** One row per column of each index. */
export const indexes = (schema: string | undefined): string => `
select
  table_name as table_name,
  index_name as name,
  column_name as column_name,
  sub_part is null as is_whole,
  ignored as is_ignored
from information_schema.statistics
where table_schema = ${named(schema)}
  and table_name in (${OURS})
order by table_name, index_name, seq_in_index`;

export const tables = (schema: string | undefined): string => `
select table_name as name, engine as engine
from information_schema.tables
where table_schema = ${named(schema)}
  and table_name in (${OURS})`;

export const collations = (schema: string | undefined): string => `
select distinct table_name as name, collation_name as collation
from information_schema.columns
where table_schema = ${named(schema)}
  and table_name in (${OURS})
  and collation_name is not null`;

/** The first number that no message of any table has. By the ends of the primary keys. */
export const nextSeq = (t: TableName): string => `
select cast(greatest(
  ${['outbox_messages', 'outbox_waiting', 'outbox_parked', 'outbox_published'].map((name) => `coalesce((select max(seq) from ${t(name)}), 0)`).join(',\n  ')}
) + 1 as char) as seq`;

/** What needs no privilege. */
export const server = `
select
  @@global.read_only as read_only,
  current_user() as user,
  (
    select cast(variable_value as double)
    from information_schema.global_status
    where variable_name = 'Innodb_history_list_length'
  ) as history`;

/** InnoDB tells times in the zone of the server, whatever that of the session is. */
const startedAt = (time: string): string => `convert_tz(${time}, 'SYSTEM', '+00:00')`;

/**
 * Parameter 1: patience in ms. Transactions that have been open for longer, those first for whose rows of our tables others
 * wait. One without a thread is prepared (XA), or its client is gone and it is being undone. InnoDB answers from what it saw
 * up to a tenth of a second ago, so a thread may have ended since.
 */
export const transactions = (schema: string | undefined): string => `
select
  cast(x.trx_mysql_thread_id as double) as thread,
  p.user as user,
  p.host as host,
  p.db as db,
  p.command as command,
  cast(timestampdiff(microsecond, ${startedAt('x.trx_started')}, utc_timestamp(6)) / 1000 as double) as age_ms,
  left(coalesce(x.trx_query, p.info), 2000) as query,
  cast(coalesce(w.waiters, 0) as double) as waiters,
  w.tables as tables
from information_schema.innodb_trx x
left join information_schema.processlist p on p.id = x.trx_mysql_thread_id
left join (
  select
    w.blocking_trx_id as trx,
    count(distinct w.requesting_trx_id) as waiters,
    group_concat(distinct l.lock_table order by l.lock_table separator ', ') as tables
  from information_schema.innodb_lock_waits w
  join information_schema.innodb_locks l on l.lock_id = w.requested_lock_id
  where l.lock_table in (${OUTBOX_TABLES.map((name) => `concat('\`', ${named(schema)}, '\`.\`${name}\`')`).join(', ')})
  group by w.blocking_trx_id
) w on w.trx = x.trx_id
where x.trx_mysql_thread_id <> connection_id()
  and (x.trx_mysql_thread_id = 0 or p.id is not null)
  and ${startedAt('x.trx_started')} < utc_timestamp(6) - interval ? * 1000 microsecond
order by waiters desc, x.trx_started
limit 5`;
