import { COUNT_LIMIT } from '../../contracts/messages.js';
import type { TableName } from '../sql/tables.js';

/** Keys of which the first message is looked at: one look into an index each. */
const BLOCKS = 10_000;

const agoMs = (time: string): string =>
  `(extract(epoch from clock_timestamp() - ${time}) * 1000)::float8`;

export const version = (t: TableName): string => `
select coalesce(max(version), 0)::integer as version
from ${t('outbox_schema')}`;

export const clock = `
select (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms`;

export const lapsed = (t: TableName): string => `
select owner as relay, count(*)::integer as lanes, min(${agoMs('lease_until')}) as ago_ms
from ${t('outbox_lanes')}
where owner is not null and lease_until < clock_timestamp()
group by owner
order by count(*) desc
limit 20`;

/** By the index on available_at. */
export const overdue = (t: TableName): string => `
select count(*)::integer as count, coalesce(max(${agoMs('available_at')}), 0) as oldest_ms
from (
  select available_at
  from ${t('outbox_delayed')}
  where available_at < statement_timestamp() - $1::float8 * interval '1 millisecond'
  order by available_at
  limit ${COUNT_LIMIT}
) m`;

/** By the index on (block, seq). One that was never tried waits for nothing but its turn. */
export const blocked = (t: TableName): string => `
select head.history -> -1 ->> 'code' as reason, count(*)::integer as keys
from (
  select block
  from ${t('outbox_blocks')}
  where available_at < 'infinity'
  limit ${BLOCKS}
) b
cross join lateral (
  select history
  from ${t('outbox_waiting')} w
  where w.block = b.block
  order by w.seq
  limit 1
) head
where head.history -> -1 ->> 'code' is not null
group by 1
order by 2 desc
limit 20`;

/** By the index on available_at. */
export const awaitingParked = (t: TableName): string => `
select count(*)::integer as keys
from ${t('outbox_blocks')}
where available_at = 'infinity'`;

export const parked = (t: TableName): string => `
select reason, type, count(*)::integer as messages, max(${agoMs('parked_at')}) as oldest_ms
from (
  select reason, type, parked_at
  from ${t('outbox_parked')}
  order by seq
  limit ${COUNT_LIMIT}
) m
group by reason, type
order by count(*) desc
limit 20`;

export const unroutable = (t: TableName): string => `
select exchange, coalesce(routing_key, type) as routing_key, count(*)::integer as messages
from (
  (
    select exchange, routing_key, type
    from ${t('outbox_parked')}
    where reason = 'UNROUTABLE'
    limit ${COUNT_LIMIT}
  )
  union all
  (
    select exchange, routing_key, type
    from (select exchange, routing_key, type, history from ${t('outbox_waiting')} limit ${COUNT_LIMIT}) w
    where history -> -1 ->> 'code' = 'UNROUTABLE'
  )
) m
group by 1, 2
order by 3 desc
limit 20`;

const some = (t: TableName, table: string): string =>
  `(select exchange from ${t(table)} order by seq limit ${COUNT_LIMIT})`;

export const exchanges = (t: TableName): string => `
select exchange, count(*)::integer as messages
from (
  ${['outbox_messages', 'outbox_waiting', 'outbox_delayed', 'outbox_parked'].map((table) => some(t, table)).join('\n  union all\n  ')}
) m
where exchange <> ''
group by exchange
order by count(*) desc
limit 200`;

/** By the index on published_at. */
export const oldestPublished = (t: TableName): string => `
select ${agoMs('published_at')} as ago_ms
from ${t('outbox_published')}
order by published_at
limit 1`;
