import type { TableName } from '../sql/tables.js';

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

/** Whoever dies while a message is tried counts against it: here, because nobody else is left to do so. */
export const claimLanes = (t: TableName): string => `
with free as (
  select lane, owner
  from ${t('outbox_lanes')}
  where lease_until is null
    or lease_until < clock_timestamp()
    or (owner = $1 and lane <> all($4::integer[]))
  order by lane
  limit $2
  for update skip locked
)
update ${t('outbox_lanes')} l
set owner = $1,
  token = l.token + 1,
  lease_until = clock_timestamp() + $3::float8 * interval '1 millisecond',
  deaths = case
    when l.trying is null then l.deaths
    when l.trying = l.accused then l.deaths + 1
    else 1
  end,
  accused = coalesce(l.trying, l.accused),
  trying = null
from free
where l.lane = free.lane
returning l.lane, l.token::text as token, coalesce(free.owner <> $1, false) as taken_over`;

export const releaseLanes = (t: TableName): string => `
update ${t('outbox_lanes')} l
set owner = null, lease_until = null, trying = null
from unnest($1::integer[], $2::bigint[]) as h(lane, token)
where l.lane = h.lane and l.token = h.token`;

export const leave = (t: TableName): string => `
with gone as (
  delete from ${t('outbox_relays')}
  where id = $1
)
update ${t('outbox_lanes')}
set owner = null, lease_until = null, trying = null
where owner = $1`;

export const countLanes = (t: TableName): string => `
select count(*)::integer as lanes
from ${t('outbox_lanes')}`;

/** Of all lanes held, so that at most one message is being tried. */
export const accuse = (t: TableName): string => `
update ${t('outbox_lanes')} l
set trying = case when l.lane = $1 then $2::bigint end
from unnest($3::integer[], $4::bigint[]) as h(lane, token)
where l.lane = h.lane and l.token = h.token and (l.lane = $1 or l.trying is not null)
returning l.lane, case when l.accused = $2 then l.deaths else 0 end as deaths`;

export const acquit = (t: TableName): string => `
update ${t('outbox_lanes')} l
set trying = null
from unnest($1::integer[], $2::bigint[]) as h(lane, token)
where l.lane = h.lane and l.token = h.token and l.trying is not null`;

/** The server (no two have started in the same microsecond), the database, and the schema that the search path led to. */
export const whereabouts = (t: TableName): string => `
select extract(epoch from pg_postmaster_start_time())::text as server,
  current_database()::text as database,
  (
    select nspname::text
    from pg_class
    join pg_namespace on pg_namespace.oid = relnamespace
    where pg_class.oid = '${t('outbox_messages')}'::regclass
  ) as schema`;
