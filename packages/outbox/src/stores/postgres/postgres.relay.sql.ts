import { AGED_MESSAGE, BLOCK, held, MESSAGE, MOVED } from './postgres.columns.js';
import type { TableName } from '../sql/tables.js';

/**
 * Walks the primary key, from its beginning and around what the relay has in memory: $2 and $3 are the ends of the gaps. There
 * is no "everything after the last one I saw": a transaction that commits late brings lower numbers, and a key's later message
 * must not pass them.
 *
 * The planner must not take the gaps and the lanes for few rows: it would read and sort the whole backlog, 81 ms instead of 1
 * for 100,000 messages. `coalesce` hides the lanes, of which it knows nothing where the table was empty when it was analysed;
 * the pair hides that the two ends belong together, of which it would think that they hold one row in two hundred.
 */
export const readPending = (t: TableName, aged: boolean, withoutKeys: boolean): string => `
select ${aged ? AGED_MESSAGE : MESSAGE}
from unnest($2::bigint[], $3::bigint[]) as g(after, before)
cross join lateral (
  select *
  from ${t('outbox_messages')} p
  where p.seq > coalesce(g.after, ${MIN})
    and (p.seq, 0) < (coalesce(g.before, ${MAX}), 0)
    and coalesce(p.lane = any($1::integer[]), false)${withoutKeys ? '\n    and coalesce(p.key <> all($5::text[]), true)' : ''}
  order by p.seq
  limit $4
) m
order by m.seq
limit $4`;

const MIN = '-9223372036854775808';
const MAX = '9223372036854775807';

/** Those of keys. */
export const readBlocks = (t: TableName): string => `
select block, lane
from ${t('outbox_blocks')}
where lane = any($1::integer[])
  and left(block, 1) = '='`;

/**
 * The due blocks by the index on their time, then each block's messages by the index on (block, seq). By the time at which the
 * statement began, here and wherever an index is to be used: one that goes on while it runs would look at all that is not due.
 */
export const readWaiting = (t: TableName): string => `
with due as materialized (
  select block
  from ${t('outbox_blocks')}
  where available_at <= statement_timestamp()
    and lane = any($1::integer[])
    and block not in (select unnest($2::text[]))
  order by available_at
  limit $3
)
select d.block, m.attempts, m.tries, m.history::text as history, ${AGED_MESSAGE}
from due d
left join lateral (
  select *
  from ${t('outbox_waiting')} w
  where w.block = d.block
  order by w.seq
  limit 100
) m on true
order by m.seq`;

export const removeMessages = (t: TableName, table: string): string => `
with ${held(t, '$2', '$3')}
delete from ${t(table)}
where seq = any($1::bigint[])
  and lane = any(array(select lane from held))`;

/** The same, with a copy for as long as published messages are kept. */
export const keepMessages = (t: TableName, table: string): string => `
with ${held(t, '$2', '$3')},
gone as (
  delete from ${t(table)}
  where seq = any($1::bigint[])
    and lane = any(array(select lane from held))
  returning *
)
insert into ${t('outbox_published')} (${MOVED})
select ${MOVED}
from gone`;

/**
 * Moves messages to the waiting ones. A block that is there already keeps its time, and is written all the same: `unblock`
 * has to see that it is not what it was. Blocks are locked in the order of their names, here as everywhere, so that nobody
 * waits in a circle.
 */
export const divertMessages = (t: TableName): string => `
with ${held(t, '$3', '$4')},
moved as (
  delete from ${t('outbox_messages')} m
  using unnest($1::bigint[], $2::text[]) as v(seq, block)
  where m.seq = v.seq and m.lane = any(array(select lane from held))
  returning m.*, v.block
),
kept as (
  insert into ${t('outbox_waiting')} (${MOVED}, block, attempts, tries, history)
  select ${MOVED}, block, 0, 0, '[]'
  from moved
)
insert into ${t('outbox_blocks')} as b (block, lane, available_at)
select block, min(lane), clock_timestamp()
from moved
group by block
order by block
on conflict (block) do update set available_at = b.available_at`;

/** The failed message of each block moves to the waiting ones, and the block gets its time. */
export const holdPending = (t: TableName): string => `
with ${held(t, '$7', '$8')},
moved as (
  delete from ${t('outbox_messages')} m
  using unnest($1::bigint[], $2::text[], $3::integer[], $4::integer[], $5::text[], $6::float8[])
    as v(seq, block, attempts, tries, history, delay_ms)
  where m.seq = v.seq and m.lane = any(array(select lane from held))
  returning m.*, v.block, v.attempts, v.tries, v.history, v.delay_ms
),
kept as (
  insert into ${t('outbox_waiting')} (${MOVED}, block, attempts, tries, history)
  select ${MOVED}, block, attempts, tries, history::json
  from moved
)
insert into ${t('outbox_blocks')} (block, lane, available_at)
select block, lane, clock_timestamp() + delay_ms * interval '1 millisecond'
from moved
order by block
on conflict (block) do update set available_at = excluded.available_at`;

export const holdWaiting = (t: TableName): string => `
with ${held(t, '$7', '$8')},
failed as (
  update ${t('outbox_waiting')} w
  set attempts = v.attempts, tries = v.tries, history = v.history::json
  from unnest($1::bigint[], $2::text[], $3::integer[], $4::integer[], $5::text[], $6::float8[])
    as v(seq, block, attempts, tries, history, delay_ms)
  where w.seq = v.seq and w.lane = any(array(select lane from held))
  returning w.block, v.delay_ms
),
locked as materialized (
  select b.block, f.delay_ms
  from failed f
  join ${t('outbox_blocks')} b on b.block = f.block
  order by b.block
  for update of b
)
update ${t('outbox_blocks')} b
set available_at = clock_timestamp() + l.delay_ms * interval '1 millisecond'
from locked l
where b.block = l.block`;

/** A block without an end is one that waits for its parked message to be redriven. */
export const parkMessages = (t: TableName, table: string, blockKey: boolean): string => `
with ${held(t, '$6', '$7')},
gone as (
  delete from ${t(table)} m
  using unnest($1::bigint[], $2::integer[], $3::text[], $4::text[], $5::text[]) as v(seq, tried, reason, error, log)
  where m.seq = v.seq and m.lane = any(array(select lane from held))
  returning m.*, v.tried, v.reason, v.error, v.log
)${blockKey ? `,\n${blockedKeys(t)}` : ''}
insert into ${t('outbox_parked')} (${MOVED}, attempts, reason, error, history)
select ${MOVED}, tried, reason, error, log::json
from gone`;

const blockedKeys = (t: TableName): string => `blocked as (
  insert into ${t('outbox_blocks')} (block, lane, available_at)
  select ${BLOCK}, min(lane), 'infinity'::timestamptz
  from gone
  where key is not null
  group by 1
  order by 1
  on conflict (block) do update set available_at = excluded.available_at
)`;

/**
 * What a message has moved behind meanwhile is not freed: whoever moves one writes the block, and then it is another version
 * than the one that was seen without messages. To look again would not do: a statement sees what was there when it began.
 */
export const unblock = (t: TableName): string => `
with ${held(t, '$2', '$3')},
seen as materialized (
  select b.block, b.xmin as version
  from ${t('outbox_blocks')} b
  where b.block = any($1::text[])
    and b.lane = any(array(select lane from held))
    and b.available_at < 'infinity'
    and not exists (select from ${t('outbox_waiting')} w where w.block = b.block)
),
free as materialized (
  select b.block
  from seen
  join ${t('outbox_blocks')} b on b.block = seen.block and b.xmin = seen.version
  order by b.block
  for update of b
)
delete from ${t('outbox_blocks')} b
using free
where b.block = free.block
returning b.block`;

/** Steps from block to block along the index on (block, seq), however many messages each of them has. */
export const heal = (t: TableName): string => `
with recursive w as (
  (select block, lane from ${t('outbox_waiting')} order by block, seq limit 1)
  union all
  select next.block, next.lane
  from w
  cross join lateral (
    select block, lane
    from ${t('outbox_waiting')} x
    where x.block > w.block
    order by block, seq
    limit 1
  ) next
)
insert into ${t('outbox_blocks')} (block, lane, available_at)
select w.block, w.lane, clock_timestamp()
from w
where not exists (select from ${t('outbox_blocks')} b where b.block = w.block)
on conflict (block) do nothing`;

const ENTRY = 'm.lane, m.seq, m.key, m.message_id, m.type';

/** Without what they carry: to read one of them may be what the relay died of. By the same indexes as the reads. */
export const pendingEntries = (t: TableName): string => `
select ${ENTRY}
from ${t('outbox_messages')} m
where coalesce(m.lane = any($1::integer[]), false)
  and coalesce(m.key <> all($3::text[]), true)
order by m.seq
limit $2`;

export const waitingEntries = (t: TableName): string => `
with due as materialized (
  select block
  from ${t('outbox_blocks')}
  where available_at <= statement_timestamp()
    and lane = any($1::integer[])
  order by available_at
  limit $2
)
select ${ENTRY}, m.attempts, m.tries, m.history::text as history
from due d
cross join lateral (
  select *
  from ${t('outbox_waiting')} w
  where w.block = d.block
  order by w.seq
  limit 100
) m
limit $2 + 50 * 100`;

export const readOnePending = (t: TableName): string => `
select ${AGED_MESSAGE}
from ${t('outbox_messages')} m
where m.seq = $1`;

export const readOneWaiting = (t: TableName): string => `
select m.attempts, m.tries, m.history::text as history, ${AGED_MESSAGE}
from ${t('outbox_waiting')} m
where m.seq = $1`;
