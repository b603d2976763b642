import type { PostgresTables } from './postgres.schema.js';

/** Microseconds of the server's clock. */
const CLOCK = `(extract(epoch from clock_timestamp()) * 1000000)::bigint`;

const inMs = (parameter: string): string =>
  `now() + ${parameter}::double precision * interval '1 millisecond'`;

/** Nobody runs it, and what it tells need not be kept. */
const IS_FREE = `(r.expires_at <= now() or r.state = 'free' or r.locked_until <= now())`;

/** Attempts count on as long as they are kept; a new use of an old key begins with 1. */
const attemptAfter = (step: 0 | 1): string =>
  `case when r.state <> 'done' and r.expires_at > now() then r.attempt + ${step} else 1 end`;

/** Wakes who waits, once this is committed; nothing where nobody listens. */
export const notify = (channel: string | undefined): string =>
  channel === undefined ? '' : `,\n  pg_notify('${channel}', encode(r.id, 'hex'))`;

/**
 * $1 id, $2 name, $3 fingerprint, $4 keep in ms, $5 lock; for a lease also $6 token, $7 lease in ms. One row: claimed. None:
 * it is there already, or running elsewhere.
 *
 * The advisory lock belongs to the transaction and says who runs: without it, a duplicate would wait in the unique index
 * until the first one ends, and hold a connection meanwhile. It is gone with the transaction, so also with the process.
 */
export function insertSql({ records }: PostgresTables, lease: boolean, channel?: string): string {
  return `
insert into ${records} as r (id, name, fingerprint, expires_at${lease ? ', state, token, locked_until' : ''})
select $1::bytea, $2::text, $3::text, ${inMs('$4')}${lease ? `, 'running', $6::text, ${inMs('$7')}` : ''}
where pg_try_advisory_xact_lock($5::bigint)
on conflict do nothing
returning r.fence${lease ? '' : notify(channel)}`;
}

/** The same for many: $1 ids, $2 names, $3 fingerprints, $5 locks are arrays. */
export function insertManySql(
  { records }: PostgresTables,
  lease: boolean,
  channel?: string,
): string {
  return `
insert into ${records} as r (id, name, state, fingerprint, fence, attempt, created_at, expires_at${lease ? ', token, locked_until' : ''})
select asked.id, asked.name, '${lease ? 'running' : 'done'}', asked.fingerprint, ${CLOCK}, 1, now(), ${inMs('$4')}${lease ? `, $6::text, ${inMs('$7')}` : ''}
from unnest($1::bytea[], $2::text[], $3::text[], $5::bigint[]) as asked (id, name, fingerprint, lock)
where pg_try_advisory_xact_lock(asked.lock)
on conflict (id) do nothing
returning encode(r.id, 'hex') as id, r.fence::text as fence, r.attempt as attempt${lease ? '' : notify(channel)}`;
}

/** Parameters as for many. Claims what is free; of several who try, one gets the row. By the primary key. */
export function takeOverSql({ records }: PostgresTables, lease: boolean, channel?: string): string {
  return `
update ${records} as r
set name = asked.name,
    state = '${lease ? 'running' : 'done'}',
    token = ${lease ? '$6::text' : 'null'},
    fingerprint = asked.fingerprint,
    outcome = null,
    fence = greatest(r.fence + 1, ${CLOCK}),
    attempt = ${attemptAfter(lease ? 1 : 0)},
    created_at = now(),
    locked_until = ${lease ? inMs('$7') : 'null'},
    expires_at = ${inMs('$4')}
from unnest($1::bytea[], $2::text[], $3::text[], $5::bigint[]) as asked (id, name, fingerprint, lock)
where r.id = asked.id
  and ${IS_FREE}
  and pg_try_advisory_xact_lock(asked.lock)
returning encode(r.id, 'hex') as id, r.fence::text as fence, r.attempt as attempt${lease ? '' : notify(channel)}`;
}

/** $1 ids. By the primary key. */
export const lookupSql = ({ records }: PostgresTables): string => `
select encode(r.id, 'hex') as id,
  case when ${IS_FREE} then 'free' else r.state end as state,
  r.token, r.fingerprint, r.outcome, r.fence::text as fence, r.attempt
from ${records} as r
where r.id = any($1::bytea[])`;

/** $1 id, $2 outcome. No indexed column changes, so the row stays in its page. */
export const addOutcomeSql = ({ records }: PostgresTables): string => `
update ${records}
set outcome = $2::text
where id = $1::bytea`;

/**
 * $1 id, $2 name, $3 fingerprint, $4 ttl in ms, $5 token, $6 outcome. One row: it stands. None: the record is somebody
 * else's. One that is not there, or that nobody has taken, is written anew.
 */
export const settleSql = ({ records }: PostgresTables, channel?: string): string => `
insert into ${records} as r (id, name, state, token, fingerprint, outcome, fence, attempt, created_at, expires_at)
values ($1::bytea, $2::text, 'done', $5::text, $3::text, $6::text, ${CLOCK}, 1, now(), ${inMs('$4')})
on conflict (id) do update
set name = excluded.name,
    state = excluded.state,
    token = excluded.token,
    fingerprint = excluded.fingerprint,
    outcome = excluded.outcome,
    locked_until = null,
    expires_at = excluded.expires_at
where r.token = excluded.token or r.state = 'free' or r.expires_at <= now()
returning r.attempt${notify(channel)}`;

/** $1 id, $2 token. */
export const releaseSql = ({ records }: PostgresTables, channel?: string): string => `
delete from ${records} as r
where r.id = $1::bytea
  and r.token = $2::text
  and r.state = 'running'
returning r.attempt${notify(channel)}`;

/** $1 id, $2 token, $3 how long attempts are kept, in ms, $4 how many of them count less. */
export const freeSql = ({ records }: PostgresTables, channel?: string): string => `
update ${records} as r
set state = 'free',
    token = null,
    fingerprint = null,
    attempt = r.attempt - $4::integer,
    locked_until = null,
    expires_at = ${inMs('$3')}
where r.id = $1::bytea
  and r.token = $2::text
  and r.state = 'running'
returning r.attempt${notify(channel)}`;

/** $1 id, $2 token, $3 lease in ms. */
export const extendSql = ({ records }: PostgresTables): string => `
update ${records} as r
set locked_until = ${inMs('$3')},
    expires_at = greatest(r.expires_at, ${inMs('$3')})
where r.id = $1::bytea
  and r.token = $2::text
  and r.state = 'running'
  and r.locked_until > now()
returning r.attempt`;

/**
 * $1 id, $2 name, $3 lock, $4 how long attempts are kept, in ms. One row: how many attempts there were, the one that is about
 * to begin included. None: somebody runs it, or it is done. The first attempt was not counted: without a record of it, or
 * with one that has expired, there was one.
 *
 * @param step 1 counts one more, -1 takes back the last
 */
export const countAttemptSql = ({ records }: PostgresTables, step: 1 | -1): string => `
insert into ${records} as r (id, name, state, fence, attempt, created_at, expires_at)
select $1::bytea, $2::text, 'free', ${CLOCK}, ${1 + step}, now(), ${inMs('$4')}
where pg_try_advisory_xact_lock($3::bigint)
on conflict (id) do update
set name = excluded.name,
    state = 'free',
    token = null,
    fingerprint = null,
    outcome = null,
    attempt = case
      when r.state <> 'done' and r.expires_at > now() then greatest(r.attempt + ${step}, 0)
      else excluded.attempt
    end,
    locked_until = null,
    expires_at = excluded.expires_at
where ${IS_FREE}
returning r.attempt`;

/** $1 id. */
export const getSql = ({ records }: PostgresTables): string => `
select r.name,
  case when ${IS_FREE} then 'free' else r.state end as state,
  r.fingerprint, r.outcome, r.fence::text as fence, r.attempt,
  (extract(epoch from r.created_at) * 1000)::text as created,
  (extract(epoch from r.expires_at) * 1000)::text as expires,
  (extract(epoch from r.locked_until) * 1000)::text as locked
from ${records} as r
where r.id = $1::bytea
  and r.expires_at > now()`;

/** $1 id, $2 state. What an open transaction has claimed is left alone: its lock says so. $3 lock. */
export const removeSql = ({ records }: PostgresTables, channel?: string): string => `
delete from ${records} as r
where r.id = $1::bytea
  and r.expires_at > now()
  and case when ${IS_FREE} then 'free' else r.state end = $2::text
  and pg_try_advisory_xact_lock($3::bigint)
returning r.attempt${notify(channel)}`;

/**
 * $1 how many, $2 lock. By the index on expires_at. Of several processes one does it at a time. A lease ends before its
 * record expires; rows that somebody is taking over are skipped.
 */
export const purgeSql = ({ records }: PostgresTables): string => `
with elected as materialized (select pg_try_advisory_xact_lock($2::bigint) as yes)
delete from ${records}
where id in (
  select r.id
  from ${records} as r, elected
  where elected.yes
    and r.expires_at <= now()
  order by r.expires_at
  limit $1::integer
  for update of r skip locked
)`;

/**
 * $1 how many records to look at, so that a big table costs no more than that. The oldest that has expired is found by the
 * index on expires_at; the estimate is that of the last analyze, -1 when there was none.
 */
export const statsSql = ({ records }: PostgresTables): string => `
with looked_at as (
  select case
    when r.expires_at <= now() then 'expired'
    when ${IS_FREE} then 'free'
    else r.state
  end as state
  from ${records} as r
  limit $1::integer
)
select count(*) filter (where state = 'running')::integer as running,
  count(*) filter (where state = 'done')::integer as done,
  count(*) filter (where state = 'free')::integer as free,
  count(*) filter (where state = 'expired')::integer as expired,
  (select (extract(epoch from now() - min(r.expires_at)) * 1000)::text
    from ${records} as r
    where r.expires_at <= now()) as oldest,
  (select c.reltuples::bigint::text from pg_class as c where c.oid = to_regclass('${records}')) as estimate
from looked_at`;
