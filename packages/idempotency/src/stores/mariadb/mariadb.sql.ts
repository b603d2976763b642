import { apart, type MariaDbTables } from './mariadb.schema.js';

/**
 * Microseconds of the server's clock, at the moment at which it is evaluated, in statements that are told their time zone:
 * in that of the session, an hour may come twice a year.
 */
const CLOCK = `timestampdiff(microsecond, '1970-01-01', sysdate(6))`;

const UTC = "time_zone = '+00:00'";

/** When the statement began, whatever the time zone. */
const NOW = 'utc_timestamp(6)';

/** One parameter, in ms. */
const IN_MS = `${NOW} + interval ? * 1000 microsecond`;

const msOf = (column: string): string =>
  `cast(timestampdiff(microsecond, '1970-01-01', ${column}) / 1000 as char)`;

/** Nobody runs it, and what it tells need not be kept. */
const IS_FREE = `(expires_at <= ${NOW} or state = 'free' or locked_until <= ${NOW})`;

const STATE = `case when ${IS_FREE} then 'free' else state end`;

/** Attempts count on as long as they are kept. */
const COUNTS_ON = `(state <> 'done' and expires_at > ${NOW})`;

/** A locked record fails the statement with 1205 after that many seconds, and leaves the transaction as it was. */
const waiting = (seconds: 0 | 1): string =>
  `set statement innodb_lock_wait_timeout = ${seconds}, ${UTC} for`;

/**
 * Microseconds between the fence of a new claim and its record. In them, another claim may have come and gone that left no
 * record, as one that is rolled back: it has a greater fence.
 */
const LATE = `if(created_at = ${NOW}, ${CLOCK} - fence, 0) as late`;

const repeated = (text: string, times: number): string =>
  Array.from({ length: times }, () => text).join(', ');

/**
 * For each: id, name, fingerprint, keep in ms. A row: claimed. None: somebody's record is committed. 1205: somebody runs it,
 * in a transaction; of many, none is claimed then.
 *
 * The lock that a duplicate takes is a shared one, so duplicates of what is done do not disturb one another, and no gap is
 * locked: different keys never meet.
 */
export const insertSql = ({ records }: MariaDbTables, count: number): string => `
${waiting(0)}
insert ignore into ${records} (id, name, state, fingerprint, fence, attempt, created_at, expires_at)
values ${repeated(`(?, ?, 'done', ?, ${CLOCK}, 1, ${NOW}, ${IN_MS})`, count)}
returning lower(hex(id)) as id, cast(fence as char) as fence, attempt, ${LATE}`;

/**
 * Ids. A locking read sees what was committed last, however old the snapshot of the transaction is, and begins none. It
 * never waits: the insert has locked them already. Without the hint a small table would be read as a whole, and with it
 * the claims of others.
 */
export const lookupSql = ({ records }: MariaDbTables, count: number): string => `
${waiting(0)}
select lower(hex(id)) as id, ${STATE} as state, token, fingerprint, outcome, cast(fence as char) as fence, attempt
from ${records} force index (primary)
where id in (${repeated('?', count)})
lock in share mode`;

/**
 * For each: id, name, fingerprint, keep in ms; for a lease token, lease in ms, keep in ms. Claims what is new or free, and
 * gives every record as it is then.
 *
 * Assignments are carried out one after the other and see what was assigned before them, so the first marks the record as
 * free and the last as taken. One that waits for the lock does so for other statements of this kind: where two that have
 * found the key free in a transaction both want it, the database undoes one (1213), and that one begins anew.
 */
export const claimSql = (
  { records }: MariaDbTables,
  lease: boolean,
  count: number,
  seconds: 0 | 1,
): string => `
${waiting(seconds)}
insert into ${records} (id, name, state, fingerprint, fence, attempt, created_at, ${lease ? 'token, locked_until, ' : ''}expires_at)
values ${repeated(`(?, ?, '${lease ? 'running' : 'done'}', ?, ${CLOCK}, 1, ${NOW}, ${lease ? `?, ${IN_MS}, ` : ''}${IN_MS})`, count)}
on duplicate key update
  attempt = if(${IS_FREE}, if(${COUNTS_ON}, attempt + ${lease ? 1 : 0}, 1), attempt),
  state = if(${IS_FREE}, 'free', state),
  name = if(state = 'free', values(name), name),
  token = if(state = 'free', values(token), token),
  fingerprint = if(state = 'free', values(fingerprint), fingerprint),
  outcome = if(state = 'free', null, outcome),
  fence = if(state = 'free', greatest(fence + 1, ${CLOCK}), fence),
  created_at = if(state = 'free', values(created_at), created_at),
  locked_until = if(state = 'free', values(locked_until), locked_until),
  expires_at = if(state = 'free', values(expires_at), expires_at),
  state = if(state = 'free', values(state), state)
returning lower(hex(id)) as id, state, token, fingerprint, outcome, cast(fence as char) as fence, attempt, ${LATE}`;

/** id, token. For a claim that came late to its record. */
export const renewFenceSql = ({ records }: MariaDbTables): string => `
${waiting(1)}
update ${records}
set fence = greatest(fence + 1, ${CLOCK})
where id = ?
  and token <=> ?`;

/** id, token. */
export const fenceSql = ({ records }: MariaDbTables): string => `
select cast(fence as char) as fence
from ${records}
where id = ?
  and token <=> ?`;

/** outcome, id. By the primary key. */
export const addOutcomeSql = ({ records }: MariaDbTables): string => `
update ${records}
set outcome = ?
where id = ?`;

/**
 * id, name, fingerprint, ttl in ms, token, outcome, token. One row: whether it stands. A record that is not there, or that
 * nobody has taken, is written anew.
 */
export const settleSql = ({ records }: MariaDbTables): string => `
${waiting(1)}
insert into ${records} (id, name, state, fingerprint, fence, attempt, created_at, expires_at, token, outcome)
values (?, ?, 'done', ?, ${CLOCK}, 1, ${NOW}, ${IN_MS}, ?, ?)
on duplicate key update
  state = if(token <=> values(token) or expires_at <= ${NOW}, 'free', state),
  name = if(state = 'free', values(name), name),
  token = if(state = 'free', values(token), token),
  fingerprint = if(state = 'free', values(fingerprint), fingerprint),
  outcome = if(state = 'free', values(outcome), outcome),
  locked_until = if(state = 'free', null, locked_until),
  expires_at = if(state = 'free', values(expires_at), expires_at),
  state = if(state = 'free', values(state), state)
returning token <=> ? as held`;

/** id, token. */
export const releaseSql = ({ records }: MariaDbTables): string => `
${waiting(1)}
delete from ${records}
where id = ?
  and token = ?
  and state = 'running'`;

/** How many attempts count less, how long they are kept, in ms, id, token. */
export const freeSql = ({ records }: MariaDbTables): string => `
${waiting(1)}
update ${records}
set state = 'free', token = null, fingerprint = null, attempt = attempt - ?, locked_until = null, expires_at = ${IN_MS}
where id = ?
  and token = ?
  and state = 'running'`;

/** Lease in ms, twice, id, token. */
export const extendSql = ({ records }: MariaDbTables): string => `
${waiting(1)}
update ${records}
set locked_until = ${IN_MS},
    expires_at = greatest(expires_at, ${IN_MS})
where id = ?
  and token = ?
  and state = 'running'
  and locked_until > ${NOW}`;

/**
 * id, name, how long attempts are kept, in ms. One row: in the state `free`, how many attempts there were, the one that is
 * about to begin included; else somebody runs it, or it is done. So it is with 1205. The first attempt was not counted:
 * without a record of it, or with one that has expired, there was one.
 *
 * @param step 1 counts one more, -1 takes back the last
 */
export const countAttemptSql = ({ records }: MariaDbTables, step: 1 | -1): string => `
${waiting(0)}
insert into ${records} (id, name, state, fence, attempt, created_at, expires_at)
values (?, ?, 'free', ${CLOCK}, ${1 + step}, ${NOW}, ${IN_MS})
on duplicate key update
  attempt = if(${IS_FREE}, if(${COUNTS_ON}, greatest(attempt + ${step}, 0), values(attempt)), attempt),
  state = if(${IS_FREE}, 'free', state),
  name = if(state = 'free', values(name), name),
  token = if(state = 'free', null, token),
  fingerprint = if(state = 'free', null, fingerprint),
  outcome = if(state = 'free', null, outcome),
  locked_until = if(state = 'free', null, locked_until),
  expires_at = if(state = 'free', values(expires_at), expires_at)
returning state, attempt`;

/** id. Where every read locks, it waits a second for an open transaction, and then fails with 1205. */
export const getSql = ({ records }: MariaDbTables): string => `
${waiting(1)}
select name, ${STATE} as state, fingerprint, outcome, cast(fence as char) as fence, attempt,
  ${msOf('created_at')} as created,
  ${msOf('expires_at')} as expires,
  ${msOf('locked_until')} as locked
from ${records}
where id = ?
  and expires_at > ${NOW}`;

/** id, state. What an open transaction has claimed is locked by it: 1205. */
export const removeSql = ({ records }: MariaDbTables): string => `
${waiting(1)}
delete from ${records}
where id = ?
  and expires_at > ${NOW}
  and ${STATE} = ?`;

/**
 * Removes what has expired, by the index on expires_at; affects as many rows as it has removed. Of several processes one
 * does it at a time. Read committed, because otherwise the gaps in that index are locked as well, and with them every new
 * key. Rows that somebody is taking over are skipped. A lease ends before its record expires.
 *
 * @param limit a whole number, since a cursor takes no parameter from outside
 */
export const purgeSql = ({ records, lock }: MariaDbTables, limit: number): string =>
  apart(
    `
  if coalesce(get_lock(${lock('purge')}, 0), 0) = 1 then
    set transaction isolation level read committed;
    start transaction;
    for old in (
      select id
      from ${records}
      where expires_at <= ${NOW}
      order by expires_at
      limit ${limit}
      for update skip locked
    ) do
      delete from ${records} where id = old.id;
    end for;
    commit;
  end if;`,
    lock('purge'),
  );

/**
 * limit: how many records to look at, so that a big table costs no more than that. The oldest that has expired is found by
 * the index on expires_at. InnoDB's own estimate of the number of rows may be off by half, so none is given.
 */
export const statsSql = ({ records }: MariaDbTables): string => `
select coalesce(sum(state = 'running'), 0) as running,
  coalesce(sum(state = 'done'), 0) as done,
  coalesce(sum(state = 'free'), 0) as free,
  coalesce(sum(state = 'expired'), 0) as expired,
  (select timestampdiff(microsecond, min(expires_at), ${NOW}) / 1000
    from ${records}
    where expires_at <= ${NOW}) as oldest,
  null as estimate
from (
  select if(expires_at <= ${NOW}, 'expired', ${STATE}) as state
  from ${records}
  limit ?
) as looked_at`;
