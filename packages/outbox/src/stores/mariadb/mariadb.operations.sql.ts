import { COUNT_LIMIT } from '../../contracts/messages.js';
import type { TableName } from '../sql/tables.js';
import { BLOCK_OF_M, MESSAGE, MOVED, MOVED_OF_M, msOf, NEVER, timeOf } from './mariadb.columns.js';
import { TEXT } from './mariadb.schema.js';
import { list, NOW, pick, PICKING, pickedOf, text, transaction } from './mariadb.statement.js';

const counted = (t: TableName, name: string): string =>
  `(select count(*) from (select 1 from ${t(name)} limit ${COUNT_LIMIT}) x)`;

/** Counts no further than needed: each by a walk that stops. The oldest pending message is the first of the primary key. */
export const status = (t: TableName): string => `
select
  ${counted(t, 'outbox_messages')} as pending,
  coalesce(
    (
      select timestampdiff(microsecond, created_at, ${NOW}) / 1000
      from ${t('outbox_messages')}
      order by seq
      limit 1
    ),
    0
  ) as oldest_age_ms,
  ${counted(t, 'outbox_delayed')} as \`delayed\`,
  ${counted(t, 'outbox_waiting')} as waiting,
  ${counted(t, 'outbox_blocks')} as blocked,
  ${counted(t, 'outbox_parked')} as parked,
  ${counted(t, 'outbox_published')} as published,
  (select count(*) from ${t('outbox_lanes')}) as lanes,
  (select count(*) from ${t('outbox_lanes')} where lease_until >= ${NOW}) as held_lanes,
  (select count(*) from ${t('outbox_relays')} where seen_until >= ${NOW}) as relays`;

/** Parameters: message ids as JSON, type, key, reason; null for any. */
const FILTER = ['of_ids', 'of_type', 'of_key', 'of_reason']
  .map((name) => text(name, '?'))
  .join('\n  ');

const CHOSEN = `(of_ids is null or m.message_id in (
      select id
      from ${list('of_ids', `id varchar(255) ${TEXT}`)} x
      where id is not null
    ))
    and (of_type is null or m.type = of_type)
    and (of_key is null or m.\`key\` = of_key)
    and (of_reason is null or m.reason = of_reason)`;

export const parked = (t: TableName, limit: number): string => `begin not atomic
  ${FILTER}
  select ${MESSAGE}, m.attempts, m.reason, m.error, m.history, ${msOf('m.parked_at')} as parked_at
  from ${t('outbox_parked')} m
  where ${CHOSEN}
  order by m.seq
  limit ${limit};
end`;

/** Their lanes as well, as everybody does who changes what waits, and in the same order. */
const taking = (t: TableName, limit: number, work: string): string =>
  transaction(
    `${FILTER}
  declare after_seq bigint default ?;
  ${PICKING}
  declare locked integer;
  declare last bigint;`,
    `${pick(
      `
    select m.seq
    from ${t('outbox_parked')} m force index (primary)
    where ${CHOSEN}
      and m.seq > coalesce(after_seq, ${LEAST})
    order by m.seq`,
      limit,
    )}
  for their in (
    select distinct m.lane
    from ${pickedOf(t, 'outbox_parked')}
    order by m.lane
  ) do
    select lane into locked
    from ${t('outbox_lanes')}
    where lane = their.lane
    for update;
  end for;
  ${work.trim()}
  select max(m.seq) into last from ${pickedOf(t, 'outbox_parked')};
  delete m
  from ${pickedOf(t, 'outbox_parked')};
  select count, last;`,
  );

/** With its old number a message comes before whatever of its key still waits. */
export const redrive = (t: TableName, limit: number): string =>
  taking(
    t,
    limit,
    `
  insert into ${t('outbox_waiting')} (${MOVED}, block, attempts, tries, history)
  select ${MOVED_OF_M}, ${BLOCK_OF_M}, 0, 0, m.history
  from ${pickedOf(t, 'outbox_parked')};
  insert into ${t('outbox_blocks')} (block, lane, available_at)
  select distinct ${BLOCK_OF_M}, m.lane, ${NOW}
  from ${pickedOf(t, 'outbox_parked')}
  on duplicate key update available_at = values(available_at);`,
  );

/** A block without a time waits for the message that is thrown away here. */
export const discard = (t: TableName, limit: number): string =>
  taking(
    t,
    limit,
    `
  update ${pickedOf(t, 'outbox_parked')}
  straight_join ${t('outbox_blocks')} b force index (primary) on b.block = ${BLOCK_OF_M}
  set b.available_at = ${NOW}
  where b.available_at = ${NEVER};`,
  );

/** Parameters: type, key, from, to, after which number; null for any. */
export const readPublished = (t: TableName, limit: number): string => `begin not atomic
  ${text('of_type', '?')}
  ${text('of_key', '?')}
  declare since double default ?;
  declare until_then double default ?;
  declare after_seq bigint default ?;
  select ${MESSAGE}
  from ${t('outbox_published')} m force index (primary)
  where (of_type is null or m.type = of_type)
    and (of_key is null or m.\`key\` = of_key)
    and (since is null or m.published_at >= ${timeOf('since')})
    and (until_then is null or m.published_at < ${timeOf('until_then')})
    and m.seq > coalesce(after_seq, ${LEAST})
  order by m.seq
  limit ${limit};
end`;

const LEAST = '-9223372036854775808';

/** Age in ms. By the index on published_at. In small pieces, each a transaction of its own: nothing waits for it. */
export const purge = (t: TableName, limit: number): string =>
  transaction(
    'declare age double default ?;',
    `
  delete from ${t('outbox_published')}
  where published_at < ${NOW} - interval age * 1000 microsecond
  order by published_at
  limit ${limit};
  select row_count() as count;`,
  );

export const version = (t: TableName): string => `
select coalesce(max(version), 0) as version
from ${t('outbox_schema')}`;
