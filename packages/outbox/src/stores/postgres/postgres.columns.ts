import type { TableName } from '../sql/tables.js';

/** What a message is made of, as every table that holds messages has it, in the order of `messageValues`. */
export const CONTENT_COLUMNS = [
  'lane',
  'message_id',
  'type',
  'key',
  'exchange',
  'routing_key',
  'content_type',
  'headers',
  'occurred_at',
  'payload',
  'payload_bytes',
] as const;

export const CONTENT = CONTENT_COLUMNS.join(', ');

/** What goes along when a message moves to another table: it keeps its place, and the time at which it came. */
export const MOVED = `seq, created_at, sequence, ${CONTENT}`;

/** A message as `fromRow` reads it. Whatever a library makes of a bigint, `Number` reads it; text would cost a cast a row. */
export const MESSAGE = `m.seq, m.sequence, m.lane, m.message_id, m.type, m.key, m.exchange, m.routing_key, m.content_type,
  m.headers::text as headers, date_part('epoch', m.occurred_at) * 1000 as occurred_at, m.payload, m.payload_bytes`;

/** The same with its age, which costs the relay half a microsecond for each message: only where it is asked for, or seldom. */
export const AGED_MESSAGE = `${MESSAGE}, date_part('epoch', statement_timestamp() - m.created_at) * 1000 as age_ms`;

/** Whatever waits for whatever, as `blockOf` says it: the messages of a key, or one without a key for itself alone. */
export const BLOCK = `case when key is null then '#' || seq else '=' || key end`;

/**
 * The lanes that the relay still holds, and keeps until the statement has ended: `claimLanes` passes them by, so that a new
 * owner never reads before what its predecessor still moves. The weakest lock that does so, because it lets renewals through:
 * those lock in an order of their own, and waiting for them could be a deadlock.
 */
export const held = (t: TableName, lanes: string, tokens: string): string => `held as materialized (
  select l.lane
  from unnest(${lanes}::integer[], ${tokens}::bigint[]) as h(lane, token)
  join ${t('outbox_lanes')} l on l.lane = h.lane and l.token = h.token
  for key share of l
)`;
