import { COUNT_LIMIT } from '../../contracts/messages.js';
import { BLOCK, MESSAGE, MOVED } from './postgres.columns.js';
import type { TableName } from '../sql/tables.js';

const counted = (t: TableName, table: string): string =>
  `(select count(*) from (select from ${t(table)} limit ${COUNT_LIMIT}) x)::integer`;

/** Counts no further than needed: each by a walk that stops. The oldest pending message is the first of the primary key. */
export const status = (t: TableName): string => `
select
  ${counted(t, 'outbox_messages')} as pending,
  coalesce(
    (
      select (extract(epoch from clock_timestamp() - created_at) * 1000)::float8
      from ${t('outbox_messages')}
      order by seq
      limit 1
    ),
    0
  ) as oldest_age_ms,
  ${counted(t, 'outbox_delayed')} as delayed,
  ${counted(t, 'outbox_waiting')} as waiting,
  ${counted(t, 'outbox_blocks')} as blocked,
  ${counted(t, 'outbox_parked')} as parked,
  ${counted(t, 'outbox_published')} as published,
  (select count(*) from ${t('outbox_lanes')})::integer as lanes,
  (select count(*) from ${t('outbox_lanes')} where lease_until >= clock_timestamp())::integer as held_lanes,
  (select count(*) from ${t('outbox_relays')} where seen_until >= clock_timestamp())::integer as relays`;

/** Parameters 1 to 4: message ids, type, key, reason; null for any. */
const CHOSEN = `($1::text[] is null or m.message_id = any($1::text[]))
    and ($2::text is null or m.type = $2)
    and ($3::text is null or m.key = $3)
    and ($4::text is null or m.reason = $4)`;

export const parked = (t: TableName): string => `
select ${MESSAGE}, m.attempts, m.reason, m.error, m.history::text as history,
  date_part('epoch', m.parked_at) * 1000 as parked_at
from ${t('outbox_parked')} m
where ${CHOSEN}
order by m.seq
limit $5`;

const taken = (t: TableName, chosen = CHOSEN): string => `picked as materialized (
  select m.seq
  from ${t('outbox_parked')} m
  where ${chosen}
  order by m.seq
  limit $5
  for update skip locked
),
gone as (
  delete from ${t('outbox_parked')} p
  using picked
  where p.seq = picked.seq
  returning p.*
)`;

/** With its old number a message comes before whatever of its key still waits. */
export const redrive = (t: TableName): string => `
with ${taken(t, `${CHOSEN}\n    and ($6::bigint is null or m.seq > $6)`)},
back as (
  insert into ${t('outbox_waiting')} (${MOVED}, block, attempts, tries, history)
  select ${MOVED}, ${BLOCK}, 0, 0, history
  from gone
),
due as (
  insert into ${t('outbox_blocks')} (block, lane, available_at)
  select ${BLOCK}, min(lane), clock_timestamp()
  from gone
  group by 1
  order by 1
  on conflict (block) do update set available_at = excluded.available_at
)
select count(*)::integer as count, max(seq)::text as last
from gone`;

/** A block without a time waits for the message that is thrown away here. */
export const discard = (t: TableName): string => `
with ${taken(t)},
endless as materialized (
  select b.block
  from ${t('outbox_blocks')} b
  where b.block in (select ${BLOCK} from gone) and b.available_at = 'infinity'
  order by b.block
  for update
),
due as (
  update ${t('outbox_blocks')} b
  set available_at = clock_timestamp()
  from endless
  where b.block = endless.block
)
select count(*)::integer as count
from gone`;

export const readPublished = (t: TableName): string => `
select ${MESSAGE}
from ${t('outbox_published')} m
where ($1::text is null or m.type = $1)
  and ($2::text is null or m.key = $2)
  and ($3::float8 is null or m.published_at >= to_timestamp($3 / 1000.0))
  and ($4::float8 is null or m.published_at < to_timestamp($4 / 1000.0))
  and ($5::bigint is null or m.seq > $5)
order by m.seq
limit $6`;

/** By the index on published_at. In small pieces, each a transaction of its own: nothing waits for it. */
export const purge = (t: TableName): string => `
delete from ${t('outbox_published')}
where seq = any(array(
  select seq
  from ${t('outbox_published')}
  where published_at < statement_timestamp() - $1::float8 * interval '1 millisecond'
  order by published_at
  limit $2
  for update skip locked
))`;
