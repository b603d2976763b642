import type { EntryRules } from '../../contracts/outbox-store.js';
import { CONTENT } from './postgres.columns.js';
import type { TableName } from '../sql/tables.js';

/**
 * One message that leaves at once, by far the most frequent case: `unnest` of arrays of one takes 1.7 times as long. With the
 * columns it has, for the same reason: each further one is a parameter to be parsed.
 */
export const insertMessage = (t: TableName, columns: readonly string[]): string => `
insert into ${t('outbox_messages')} (${columns.join(', ')})
values (${columns.map((_, at) => `$${at + 1}`).join(', ')})`;

/**
 * One set of arrays, however many messages: one statement, thirteen parameters. `seq` grows in the order of the arrays.
 * `delayed`: some of them are due later.
 */
export const insertMessages = (t: TableName, rules: EntryRules, delayed: boolean): string => `
with n as materialized (
  select lane, message_id, type, key, exchange, routing_key, content_type, headers::json as headers,
    to_timestamp(at / 1000.0) as occurred_at, payload, payload_bytes, place,
    coalesce(to_timestamp(due_at / 1000.0), clock_timestamp() + due_in * interval '1 millisecond') as available_at
  from unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::float8[], $10::text[], $11::bytea[], $12::float8[], $13::float8[])
    with ordinality as g(lane, message_id, type, key, exchange, routing_key, content_type, headers, at, payload,
      payload_bytes, due_at, due_in, place)
)${followedBy(delayed ? later(t) : '', ordered(t, rules))}
${enter(t, rules)}`;

/**
 * Moves what is due, and tells when the next one is. Both by the index on (available_at, seq). One relay at a time: of two, each
 * with a part of a key's messages, the one with the later part could be the first to number them. The other finds nothing.
 * It does not wait for a producer's transaction, which may stay open for long: a key is asked for once, and all of its messages
 * go, or none.
 */
export const promoteDelayed = (t: TableName, rules: EntryRules): string => `
with due as materialized (
  select seq, key
  from ${t('outbox_delayed')}
  where available_at <= statement_timestamp()
    and (select pg_try_advisory_xact_lock(${PROMOTE_LOCK}, '${t('outbox_delayed')}'::regclass::oid::integer))
  order by available_at, seq
  limit $1
  for update skip locked
)${followedBy(isOrdered(rules) ? FREE : '')},
gone as (
  delete from ${t('outbox_delayed')} d
  using due
  where d.seq = due.seq${isOrdered(rules) ? '\n    and (due.key is null or due.key in (select key from free))' : ''}
  returning d.*
),
n as materialized (
  select ${CONTENT}, row_number() over (order by available_at, seq) as place, null::timestamptz as available_at
  from gone
)${followedBy(ordered(t, rules))},
entered as (
  ${enter(t, rules)}
  returning 1
)
select
  (select count(*) from entered)::integer as moved,
  ((select count(*) from due) - (select count(*) from gone))::integer as skipped,
  (
    select (extract(epoch from min(available_at) - clock_timestamp()) * 1000)::float8
    from ${t('outbox_delayed')}
    where available_at > statement_timestamp()
  ) as next_in_ms`;

const followedBy = (...expressions: string[]): string =>
  expressions.map((expression) => expression && `,\n${expression}`).join('');

const later = (t: TableName): string => `later as (
  insert into ${t('outbox_delayed')} (available_at, ${CONTENT})
  select available_at, ${CONTENT}
  from n
  where available_at is not null
  order by place
)`;

const isOrdered = ({ sequence, strictOrder }: EntryRules): boolean => sequence || strictOrder;

/**
 * What makes the transactions that add to one key wait for one another: a lock until the commit. In the order of the keys: two
 * transactions that add to the same ones with one call each cannot wait for each other.
 */
function ordered(t: TableName, rules: EntryRules): string {
  if (!isOrdered(rules)) return '';
  const locked = `locked as materialized (
  select pg_advisory_xact_lock(hashtextextended(key, ${KEY_LOCK}))
  from (select distinct key from n where key is not null and available_at is null order by key) k
)`;
  if (!rules.sequence) return locked;
  return `${locked},
counted as (
  insert into ${t('outbox_sequences')} as s (key, value)
  select key, count(*)
  from n
  cross join (select count(*) from locked) l
  where key is not null and available_at is null
  group by key
  order by key
  on conflict (key) do update set value = s.value + excluded.value
  returning key, value
)`;
}

/** `seq` is taken as the rows are written: in this order, and after the locks. */
function enter(t: TableName, { sequence, strictOrder }: EntryRules): string {
  const columns = CONTENT.replace(/\w+/g, 'n.$&');
  const from = sequence
    ? 'n left join counted c on c.key = n.key'
    : strictOrder
      ? 'n cross join (select count(*) from locked) l'
      : 'n';
  const number = sequence
    ? `c.value - count(*) over (partition by n.key) + row_number() over (partition by n.key order by n.place)`
    : 'null::bigint';
  return `insert into ${t('outbox_messages')} (sequence, ${CONTENT})
  select ${number}, ${columns}
  from ${from}
  where n.available_at is null
  order by n.place`;
}

/** Keeps it apart from the locks of others: of `migrate`, and of whoever uses the number of a table. */
const PROMOTE_LOCK = 0x6f75_7470; // "outp"

/** Keeps our locks on keys apart from those of others. */
const KEY_LOCK = 0x6f75_7462; // "outb"

/** The keys to which no open transaction has added. The lock is taken here; to take it once more costs nothing. */
const FREE = `free as materialized (
  select key
  from (select distinct key from due where key is not null) k
  where pg_try_advisory_xact_lock(hashtextextended(key, ${KEY_LOCK}))
)`;
