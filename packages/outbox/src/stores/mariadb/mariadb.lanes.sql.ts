import type { TableName } from '../sql/tables.js';
import { TEXT } from './mariadb.schema.js';
import { fenced, inMs, list, NOW, table, text, transaction } from './mariadb.statement.js';

/**
 * relay, lease in ms, `[lane, token]` of the lanes held as JSON. Leases count from before any waiting, as the relay counts them.
 * Skips relays that somebody else is tending: waiting for each other in different orders would be a deadlock.
 */
export const tendLanes = (t: TableName): string => {
  const mine = `${table('given', 'lane integer', 'token bigint')} h
  straight_join ${t('outbox_lanes')} l force index (primary) on l.lane = h.lane and l.token = h.token and l.owner = me`;
  return transaction(
    `declare me varchar(255) ${TEXT} default ?;
  declare lease_end datetime(6) default ${inMs('?')};
  declare given longtext ${TEXT} default ?;`,
    `
  insert into ${t('outbox_relays')} (id, seen_until)
  values (me, lease_end)
  on duplicate key update seen_until = lease_end;
  for gone in (
    select id
    from ${t('outbox_relays')}
    where seen_until < ${NOW} and id <> me
    for update skip locked
  ) do
    delete from ${t('outbox_relays')} where id = gone.id;
  end for;
  update ${mine}
  set l.lease_until = lease_end;
  select
    (select count(*) from ${t('outbox_relays')} where seen_until >= ${NOW} and id <> me) + 1 as relays,
    (select group_concat(l.lane) from ${mine}) as renewed;`,
  );
};

/**
 * relay, lease in ms, lanes that it knows of as a list. Whoever dies while a message is tried counts against it: here, because
 * nobody else is left to do so.
 *
 * @param limit a whole number, since a cursor takes no parameter from outside
 */
export const claimLanes = (t: TableName, limit: number): string =>
  transaction(
    `declare me varchar(255) ${TEXT} default ?;
  declare lease_end datetime(6) default ${inMs('?')};
  ${text('known', '?')}
  ${text('taken', "''")}
  ${text('dead', "''")}`,
    `
  for free in (
    select lane, owner
    from ${t('outbox_lanes')}
    where lease_until is null
      or lease_until < ${NOW}
      or (owner = me and not find_in_set(lane, known))
    order by lane
    limit ${limit}
    for update skip locked
  ) do
    update ${t('outbox_lanes')}
    set owner = me,
      token = token + 1,
      lease_until = lease_end,
      deaths = case when trying is null then deaths when trying = accused then deaths + 1 else 1 end,
      accused = coalesce(trying, accused),
      trying = null
    where lane = free.lane;
    set taken = concat(taken, ',', free.lane);
    set dead = if(free.owner is null or free.owner = me, dead, concat(dead, ',', free.lane));
  end for;
  select lane, cast(token as char) as token, find_in_set(lane, dead) > 0 as taken_over
  from ${t('outbox_lanes')}
  where find_in_set(lane, taken);`,
  );

/** Given: lane, token. */
export const releaseLanes = (t: TableName): string => `
update ${table('?', 'lane integer', 'token bigint')} h
straight_join ${t('outbox_lanes')} l force index (primary) on l.lane = h.lane and l.token = h.token
set l.owner = null, l.lease_until = null, l.trying = null`;

/** relay, in the order in which `tendLanes` locks. */
export const leave = (t: TableName): string =>
  transaction(
    `declare me varchar(255) ${TEXT} default ?;`,
    `
  delete from ${t('outbox_relays')} where id = me;
  update ${t('outbox_lanes')}
  set owner = null, lease_until = null, trying = null
  where owner = me;`,
  );

export const countLanes = (t: TableName): string => `
select count(*) as lanes
from ${t('outbox_lanes')}`;

/** Given: [lane, seq] of the suspect. Of all lanes held, so that at most one message is being tried. Rows: none when it is lost. */
export const accuse = (t: TableName): string =>
  fenced(
    t,
    `
  update ${list("concat('[', ours, ']')", 'lane integer')} o
  straight_join ${t('outbox_lanes')} l force index (primary) on l.lane = o.lane
  set l.trying = if(l.lane = ${SUSPECT.lane}, ${SUSPECT.seq}, null);
  select if(accused = ${SUSPECT.seq}, deaths, 0) as deaths
  from ${t('outbox_lanes')}
  where lane = ${SUSPECT.lane} and find_in_set(lane, ours);`,
  );

const SUSPECT = {
  lane: "cast(json_value(given, '$[0]') as integer)",
  seq: "cast(json_value(given, '$[1]') as integer)",
};

/** Given: lane, token. */
export const acquit = (t: TableName): string => `
update ${table('?', 'lane integer', 'token bigint')} h
straight_join ${t('outbox_lanes')} l force index (primary) on l.lane = h.lane and l.token = h.token
set l.trying = null
where l.trying is not null`;

/** The server, the database, and when these tables were made: no two have been in the same microsecond. */
export const whereabouts = (t: TableName, schema: string | undefined): string => `
select @@hostname as server, @@port as port, ${schema === undefined ? 'database()' : `'${schema}'`} as name,
  cast(applied_at as char) as since
from ${t('outbox_schema')}
where version = 1`;
