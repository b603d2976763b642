/** Names a table within the configured schema. */
export type TableName = (name: string) => string;

const MESSAGE = `m.seq::text as seq, m.lane, m.message_id, m.type, m.key, m.exchange, m.routing_key, m.content_type,
  m.headers::text as headers, (extract(epoch from m.occurred_at) * 1000)::text as occurred_at, m.payload, m.payload_bytes`;

const MOVED = `created_at, occurred_at, lane, message_id, type, key, exchange, routing_key, content_type, headers, payload,
  payload_bytes`;

/**
 * The lanes that the relay still holds, and keeps until the statement has ended: `claimLanes` passes them by, so that a new
 * owner never reads before what its predecessor still moves. The weakest lock that does so, because it lets renewals through:
 * those lock in an order of their own, and waiting for them could be a deadlock.
 */
const held = (t: TableName, lanes: string, tokens: string): string => `held as materialized (
  select l.lane
  from unnest(${lanes}::integer[], ${tokens}::bigint[]) as h(lane, token)
  join ${t('outbox_lanes')} l on l.lane = h.lane and l.token = h.token
  for key share of l
)`;

/** One message, by far the most frequent case: `unnest` of arrays with one element each takes 1.7 times as long. */
export const insertMessage = (t: TableName): string => `
insert into ${t('outbox_messages')}
  (lane, message_id, type, key, exchange, routing_key, content_type, headers, occurred_at, payload, payload_bytes)
values ($1, $2, $3, $4, $5, $6, $7, $8, to_timestamp($9::float8 / 1000.0), $10, $11)`;

/** One set of arrays, however many messages: one statement, eleven parameters. `seq` grows in the order of the arrays. */
export const insertMessages = (t: TableName): string => `
insert into ${t('outbox_messages')}
  (lane, message_id, type, key, exchange, routing_key, content_type, headers, occurred_at, payload, payload_bytes)
select lane, message_id, type, key, exchange, routing_key, content_type, headers::json, to_timestamp(at / 1000.0), payload, bytes
from unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::float8[],
  $10::text[], $11::bytea[])
  with ordinality as n(lane, message_id, type, key, exchange, routing_key, content_type, headers, at, payload, bytes, place)
order by place`;

/**
 * Walks the primary key from its beginning. What the relay has in memory is filtered through a hash (a sub-select: `<> all`
 * of an array is hashed from PostgreSQL 15 on only). There is no "everything after the last one I saw": a transaction that
 * commits late brings lower numbers, and a key's later message must not pass them.
 *
 * `coalesce` hides the lanes from the planner: without statistics (the table was empty when it was analysed) it takes them for
 * so few rows that it reads and sorts the whole backlog, 55 ms instead of 2 for 100,000 messages.
 */
export const readPending = (t: TableName): string => `
select ${MESSAGE}
from ${t('outbox_messages')} m
where coalesce(m.lane = any($1::integer[]), false)
  and m.seq not in (select unnest($2::bigint[]))
order by m.seq
limit $3`;

export const readBlocks = (t: TableName): string => `
select block, lane
from ${t('outbox_blocks')}
where lane = any($1::integer[])`;

/** The due blocks by the index on their time, then each block's messages by the index on (block, seq). */
export const readWaiting = (t: TableName): string => `
with due as materialized (
  select block
  from ${t('outbox_blocks')}
  where available_at <= clock_timestamp()
    and lane = any($1::integer[])
    and block not in (select unnest($2::text[]))
  order by available_at
  limit $3
)
select d.block, m.attempts, m.tries, m.history::text as history, ${MESSAGE}
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
  and lane in (select lane from held)`;

/** Moves messages to the waiting ones. A block that is there already keeps its time. */
export const divertMessages = (t: TableName): string => `
with ${held(t, '$3', '$4')},
moved as (
  delete from ${t('outbox_messages')} m
  using unnest($1::bigint[], $2::text[]) as v(seq, block)
  where m.seq = v.seq and m.lane in (select lane from held)
  returning m.*, v.block
),
kept as (
  insert into ${t('outbox_waiting')} (seq, ${MOVED}, block, attempts, tries, history)
  select seq, ${MOVED}, block, 0, 0, '[]'
  from moved
)
insert into ${t('outbox_blocks')} (block, lane, available_at)
select distinct block, lane, clock_timestamp()
from moved
on conflict (block) do nothing`;

/** The failed message of each block moves to the waiting ones, and the block gets its time. */
export const holdPending = (t: TableName): string => `
with ${held(t, '$7', '$8')},
moved as (
  delete from ${t('outbox_messages')} m
  using unnest($1::bigint[], $2::text[], $3::integer[], $4::integer[], $5::text[], $6::float8[])
    as v(seq, block, attempts, tries, history, delay_ms)
  where m.seq = v.seq and m.lane in (select lane from held)
  returning m.*, v.block, v.attempts, v.tries, v.history, v.delay_ms
),
kept as (
  insert into ${t('outbox_waiting')} (seq, ${MOVED}, block, attempts, tries, history)
  select seq, ${MOVED}, block, attempts, tries, history::json
  from moved
)
insert into ${t('outbox_blocks')} (block, lane, available_at)
select block, lane, clock_timestamp() + delay_ms * interval '1 millisecond'
from moved
on conflict (block) do update set available_at = excluded.available_at`;

export const holdWaiting = (t: TableName): string => `
with ${held(t, '$7', '$8')},
failed as (
  update ${t('outbox_waiting')} w
  set attempts = v.attempts, tries = v.tries, history = v.history::json
  from unnest($1::bigint[], $2::text[], $3::integer[], $4::integer[], $5::text[], $6::float8[])
    as v(seq, block, attempts, tries, history, delay_ms)
  where w.seq = v.seq and w.lane in (select lane from held)
  returning w.block, v.delay_ms
)
update ${t('outbox_blocks')} b
set available_at = clock_timestamp() + f.delay_ms * interval '1 millisecond'
from failed f
where b.block = f.block`;

export const parkMessages = (t: TableName, table: string): string => `
with ${held(t, '$6', '$7')},
gone as (
  delete from ${t(table)} m
  using unnest($1::bigint[], $2::integer[], $3::text[], $4::text[], $5::text[]) as v(seq, tried, reason, error, log)
  where m.seq = v.seq and m.lane in (select lane from held)
  returning m.*, v.tried, v.reason, v.error, v.log
)
insert into ${t('outbox_parked')} (seq, ${MOVED}, attempts, reason, error, history)
select seq, ${MOVED}, tried, reason, error, log::json
from gone`;

export const unblock = (t: TableName): string => `
with ${held(t, '$2', '$3')}
delete from ${t('outbox_blocks')} b
where b.block = any($1::text[])
  and b.lane in (select lane from held)
  and not exists (select from ${t('outbox_waiting')} w where w.block = b.block)
returning b.block`;

/** Skips rows that another relay is tending: waiting for each other in different orders would be a deadlock. */
export const tendLanes = (t: TableName): string => `
with gone as (
  delete from ${t('outbox_relays')}
  where id in (
    select id
    from ${t('outbox_relays')}
    where seen_until < clock_timestamp() and id <> $1
    for update skip locked
  )
),
me as (
  insert into ${t('outbox_relays')} (id, seen_until)
  values ($1, clock_timestamp() + $2::float8 * interval '1 millisecond')
  on conflict (id) do update set seen_until = excluded.seen_until
),
renewed as (
  update ${t('outbox_lanes')} l
  set lease_until = clock_timestamp() + $2::float8 * interval '1 millisecond'
  from unnest($3::integer[], $4::bigint[]) as h(lane, token)
  where l.lane = h.lane and l.token = h.token and l.owner = $1
  returning l.lane
)
select
  (select count(*) from ${t('outbox_relays')} where seen_until >= clock_timestamp() and id <> $1)::integer + 1 as relays,
  (select string_agg(lane::text, ',') from renewed) as renewed`;

export const claimLanes = (t: TableName): string => `
with free as (
  select lane, owner
  from ${t('outbox_lanes')}
  where lease_until is null or lease_until < clock_timestamp()
  order by lane
  limit $2
  for update skip locked
)
update ${t('outbox_lanes')} l
set owner = $1, token = l.token + 1, lease_until = clock_timestamp() + $3::float8 * interval '1 millisecond'
from free
where l.lane = free.lane
returning l.lane, l.token::text as token, free.owner is not null as taken_over`;

export const releaseLanes = (t: TableName): string => `
update ${t('outbox_lanes')} l
set owner = null, lease_until = null
from unnest($1::integer[], $2::bigint[]) as h(lane, token)
where l.lane = h.lane and l.token = h.token`;

export const leave = (t: TableName): string => `
with gone as (
  delete from ${t('outbox_relays')}
  where id = $1
)
update ${t('outbox_lanes')}
set owner = null, lease_until = null
where owner = $1`;

export const countLanes = (t: TableName): string => `
select count(*)::integer as lanes
from ${t('outbox_lanes')}`;
