import { COUNT_LIMIT } from '../../contracts/messages.js';
import type { TableName } from '../sql/tables.js';
import { msOf, NEVER } from './mariadb.columns.js';
import { NOW } from './mariadb.statement.js';

// No index is named here, as the relay's statements do: one that is missing is what the doctor has to tell of, and must not be
// what it fails of.

/** Keys of which the first message is looked at: one look into an index each. */
const BLOCKS = 10_000;

/** As a number that every driver gives as one. */
const number = (value: string): string => `cast(${value} as double)`;

const agoMs = (time: string): string => `timestampdiff(microsecond, ${time}, ${NOW}) / 1000`;

export const clock = `
select ${msOf(NOW)} as now_ms`;

export const lapsed = (t: TableName): string => `
select owner as relay, ${number('count(*)')} as \`lanes\`, ${number(`min(${agoMs('lease_until')})`)} as ago_ms
from ${t('outbox_lanes')}
where owner is not null and lease_until < ${NOW}
group by owner
order by count(*) desc
limit 20`;

/** Parameter 1: patience in ms. By the index on (available_at, seq). */
export const overdue = (t: TableName): string => `
select ${number('count(*)')} as count, ${number(`coalesce(max(${agoMs('available_at')}), 0)`)} as oldest_ms
from (
  select available_at
  from ${t('outbox_delayed')}
  where available_at < ${NOW} - interval ? * 1000 microsecond
  order by available_at
  limit ${COUNT_LIMIT}
) m`;

const lastCode = (history: string): string =>
  `json_value(${history}, concat('$[', greatest(json_length(${history}) - 1, 0), '].code'))`;

/** By the index on (block, seq). One that was never tried waits for nothing but its turn. */
export const blocked = (t: TableName): string => `
select code as reason, ${number('count(*)')} as \`keys\`
from (
  select ${lastCode('head.history')} as code
  from (
    select (
      select w.history
      from ${t('outbox_waiting')} w
      where w.block = b.block
      order by w.seq
      limit 1
    ) as history
    from (
      select block
      from ${t('outbox_blocks')}
      where available_at < ${NEVER}
      limit ${BLOCKS}
    ) b
  ) head
) c
where code is not null
group by code
order by count(*) desc
limit 20`;

/** By the index on available_at. */
export const awaitingParked = (t: TableName): string => `
select ${number('count(*)')} as \`keys\`
from ${t('outbox_blocks')}
where available_at = ${NEVER}`;

/** A reason is a code. Long text would be grouped on disk. */
export const parked = (t: TableName): string => `
select reason, type, ${number('count(*)')} as messages, ${number(`max(${agoMs('parked_at')})`)} as oldest_ms
from (
  select left(reason, 255) as reason, type, parked_at
  from ${t('outbox_parked')}
  order by seq
  limit ${COUNT_LIMIT}
) m
group by reason, type
order by count(*) desc
limit 20`;

export const unroutable = (t: TableName): string => `
select exchange, coalesce(routing_key, type) as routing_key, ${number('count(*)')} as messages
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
    where ${lastCode('history')} = 'UNROUTABLE'
  )
) m
group by 1, 2
order by 3 desc
limit 20`;

const some = (t: TableName, table: string): string =>
  `(select exchange from ${t(table)} order by seq limit ${COUNT_LIMIT})`;

export const exchanges = (t: TableName): string => `
select exchange, ${number('count(*)')} as messages
from (
  ${['outbox_messages', 'outbox_waiting', 'outbox_delayed', 'outbox_parked'].map((table) => some(t, table)).join('\n  union all\n  ')}
) m
where exchange <> ''
group by exchange
order by count(*) desc
limit 200`;

/** By the index on published_at. */
export const oldestPublished = (t: TableName): string => `
select ${number(agoMs('published_at'))} as ago_ms
from ${t('outbox_published')}
order by published_at
limit 1`;
