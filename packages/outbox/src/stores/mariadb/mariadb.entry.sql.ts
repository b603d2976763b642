import type { EntryRules } from '../../contracts/outbox-store.js';
import type { TableName } from '../sql/tables.js';
import { CONTENT, CONTENT_OF_N, timeOf } from './mariadb.columns.js';
import { TEXT } from './mariadb.schema.js';
import {
  inMs,
  list,
  NOW,
  part,
  pick,
  PICKING,
  pickedOf,
  table,
  text,
  transaction,
} from './mariadb.statement.js';

const PLAIN: EntryRules = { strictOrder: false, sequence: false };

/** One message that leaves at once, by far the most frequent case. */
export const insertMessage = (t: TableName): string => `
insert into ${t('outbox_messages')} (${CONTENT})
values (?, ?, ?, ?, ?, ?, ?, ?, ${timeOf('?')}, ?, ?)`;

/** Many that leave at once: as JSON, one parameter. */
export const insertMessages = (t: TableName): string => enter(t, PLAIN, `(${givenIn('?')}) n`);

/** Many, of which some are due later, or which wait for others of their keys. In the caller's transaction. */
export const insertUnder = (t: TableName, rules: EntryRules): string =>
  part(text('given', '?'), entering(t, rules));

/** The same in a transaction of its own. */
export const addMessages = (t: TableName, rules: EntryRules): string =>
  transaction(text('given', '?'), entering(t, rules));

const LATER = 'due_at is not null or due_in is not null';

const entering = (t: TableName, rules: EntryRules): string => {
  const now = `(${givenIn('given')} where not (${LATER})) n`;
  return `
  insert into ${t('outbox_delayed')} (available_at, ${CONTENT})
  select n.available_at, ${CONTENT_OF_N}
  from (${givenIn('given')} where ${LATER}) n
  order by n.place;${orderedBy(t, rules, now)}
  ${enter(t, rules, now)};`;
};

/**
 * Moves what is due, and tells when the next one is. Both by the index on (available_at, seq). One relay at a time, by a lock on
 * the first version of the tables: of two, each with a part of a key's messages, the one with the later part could be the first
 * to number them. The other finds nothing.
 */
export const promoteDelayed = (t: TableName, rules: EntryRules, limit: number): string => {
  const isOrdered = rules.strictOrder || rules.sequence;
  const picked = isOrdered
    ? pickedOf(t, 'outbox_delayed', OF_FREE_KEYS)
    : pickedOf(t, 'outbox_delayed');
  const due = `(select p.place, m.* from ${picked}) n`;
  return transaction(
    `declare began datetime(6) default ${NOW};
  declare mine integer;
  declare moved integer default 0;
  ${text('free', "'[]'")}
  ${PICKING}`,
    `select version into mine from ${t('outbox_schema')} where version = 1 for update skip locked;
  ${pick(
    `
    select seq
    from ${t('outbox_delayed')} force index (outbox_delayed_due)
    where available_at <= began and mine is not null
    order by available_at, seq`,
    limit,
  )}
  if count > 0 then${isOrdered ? freeKeys(t) : ''}
    select count(*) into moved from ${due};${orderedBy(t, rules, due)}
    ${enter(t, rules, due)};
    delete m
    from ${picked};
  end if;
  select moved, count - moved as skipped, (
    select timestampdiff(microsecond, ${NOW}, min(available_at)) / 1000
    from ${t('outbox_delayed')}
    where available_at > began
  ) as next_in_ms;`,
    isOrdered ? withRows(t, limit) : '',
  );
};

/** A key that has no row yet gets one, which can be locked without waiting. One that a producer is giving it is left to that. */
const withRows = (t: TableName, limit: number): string => `
  for new in (
    select distinct d.\`key\`
    from (
      select \`key\`
      from ${t('outbox_delayed')} force index (outbox_delayed_due)
      where available_at <= began
      order by available_at, seq
      limit ${limit}
    ) d
    where d.\`key\` is not null
      and not exists (select 1 from ${t('outbox_sequences')} s where s.\`key\` = d.\`key\`)
  ) do
    begin
      declare continue handler for 1205 begin end;
      set statement innodb_lock_wait_timeout = 0 for
        insert ignore into ${t('outbox_sequences')} (\`key\`, value) values (new.\`key\`, 0);
    end;
  end for;`;

/** Notes the keys of the picked ones to which no open transaction has added. Each is asked for once: all of its messages go, or none. */
const freeKeys = (t: TableName): string => `
    for one in (
      select s.\`key\`
      from (select distinct m.\`key\` from ${pickedOf(t, 'outbox_delayed')} where m.\`key\` is not null) k
      straight_join ${t('outbox_sequences')} s force index (primary) on s.\`key\` = k.\`key\`
      order by s.\`key\`
      for update skip locked
    ) do
      set free = json_array_append(free, '$', one.\`key\`);
    end for;`;

const OF_FREE_KEYS = `(m.\`key\` is null or m.\`key\` in (
    select k from ${list('free', `k varchar(255) ${TEXT}`)} x where k is not null
  ))`;

/**
 * What is in the JSON, with its `place`. Text columns are long, so that what is too long is refused by the table and not cut
 * here.
 */
const givenIn = (json: string): string => `
  select lane, message_id, type, \`key\`, exchange, routing_key, content_type, headers, ${timeOf('at')} as occurred_at, payload,
    from_base64(bytes) as payload_bytes, place, coalesce(${timeOf('due_at')}, ${inMs('due_in')}) as available_at
  from ${table(
    json,
    'lane integer',
    ...['message_id', 'type', '`key`', 'exchange', 'routing_key', 'content_type', 'headers'].map(
      (name) => `${name} longtext ${TEXT}`,
    ),
    'at double',
    `payload longtext ${TEXT}`,
    'bytes longtext',
    ...['due_at double', 'due_in double', 'place integer'],
  )} g`;

/**
 * What makes the transactions that add to one key wait for one another: the key's row stays locked until the commit. In the
 * order of the keys: two transactions that add to the same ones with one call each cannot wait for each other.
 */
function orderedBy(t: TableName, { sequence, strictOrder }: EntryRules, from: string): string {
  if (!sequence && !strictOrder) return '';
  return `
  insert into ${t('outbox_sequences')} (\`key\`, value)
  select n.\`key\`, ${sequence ? 'count(*)' : '0'}
  from ${from}
  where n.\`key\` is not null
  group by n.\`key\`
  order by n.\`key\`
  on duplicate key update value = value + values(value);`;
}

/** `seq` grows in the order of the places, also where other transactions take numbers in between. */
function enter(t: TableName, { sequence }: EntryRules, from: string): string {
  if (!sequence) {
    return `insert into ${t('outbox_messages')} (${CONTENT})
  select ${CONTENT_OF_N}
  from ${from}
  order by n.place`;
  }
  return `insert into ${t('outbox_messages')} (sequence, ${CONTENT})
  select
    s.value - count(*) over (partition by n.\`key\`) + row_number() over (partition by n.\`key\` order by n.place),
    ${CONTENT_OF_N}
  from ${from}
  left join ${t('outbox_sequences')} s force index (primary) on s.\`key\` = n.\`key\`
  order by n.place`;
}
