/** Parameter 1: names of tables. What has become of each since the migration, as far as statistics tell. */
export const tables = `
select
  c.relname::text as name,
  coalesce(s.n_live_tup, 0)::float8 as live,
  coalesce(s.n_dead_tup, 0)::float8 as dead,
  (extract(epoch from clock_timestamp() - greatest(s.last_vacuum, s.last_autovacuum)) * 1000)::float8 as vacuumed_ms,
  coalesce(array_to_string(c.reloptions, ','), '') as settings
from unnest($1::text[]) as n(name)
join pg_class c on c.oid = to_regclass(n.name)
left join pg_stat_all_tables s on s.relid = c.oid`;

/** Parameter 1: names of tables. Partial indexes are not ours. */
export const indexes = `
select
  c.relname::text as table_name,
  x.relname::text as name,
  i.indisprimary as is_primary,
  (i.indisvalid and i.indisready) as is_valid,
  string_agg(a.attname::text, ',' order by k.place) as columns
from unnest($1::text[]) as n(name)
join pg_class c on c.oid = to_regclass(n.name)
join pg_index i on i.indrelid = c.oid and i.indpred is null
join pg_class x on x.oid = i.indexrelid
cross join lateral unnest(i.indkey::int2[]) with ordinality as k(attnum, place)
join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum and k.place <= i.indnkeyatts
group by c.relname, x.relname, i.indisprimary, i.indisvalid, i.indisready`;

export const server = `
select
  current_setting('autovacuum') as autovacuum,
  current_setting('track_counts') as track_counts,
  pg_has_role(current_user, 'pg_read_all_stats', 'usage') as sees_others`;

/**
 * Whatever keeps vacuum from removing rows of this database that nobody needs, the oldest first: transactions that have been
 * open for longer than parameter 1 (milliseconds), queries on a standby that gives feedback, prepared transactions,
 * replication slots.
 */
export const holders = `
select *
from (
  select
    'transaction' as kind,
    pid::text as name,
    coalesce(application_name, '') as application,
    coalesce(state, '') as state,
    (extract(epoch from clock_timestamp() - xact_start) * 1000)::float8 as age_ms,
    left(query, 2000) as query,
    greatest(age(backend_xmin), age(backend_xid)) as transactions
  from pg_stat_activity
  where (backend_xmin is not null or backend_xid is not null)
    and datname = current_database()
    and pid <> pg_backend_pid()
    and xact_start < clock_timestamp() - $1::float8 * interval '1 millisecond'
  union all
  select 'standby', pid::text, coalesce(application_name, ''), coalesce(state, ''), null, null, age(backend_xmin)
  from pg_stat_replication
  where backend_xmin is not null
  union all
  select
    'prepared transaction',
    gid,
    owner::text,
    'prepared',
    (extract(epoch from clock_timestamp() - prepared) * 1000)::float8,
    null,
    age(transaction)
  from pg_prepared_xacts
  where database = current_database()
    and prepared < clock_timestamp() - $1::float8 * interval '1 millisecond'
  union all
  select 'replication slot', slot_name::text, coalesce(plugin::text, ''), case when active then 'active' else 'inactive' end, null, null, age(xmin)
  from pg_replication_slots
  where xmin is not null
) h
order by transactions desc nulls last, age_ms desc nulls last
limit 5`;
