import type { TableName } from '../sql/tables.js';
import { AGED_MESSAGE, ENTRY, FAILURES, MESSAGE } from './mariadb.columns.js';
import { TEXT } from './mariadb.schema.js';
import { NOW } from './mariadb.statement.js';

/** Keys as JSON. */
const NOT_OF_KEYS = `(m.\`key\` is null or m.\`key\` not in (
    select k from json_table(?, '$[*]' columns (k longtext ${TEXT} path '$')) x where k is not null
  ))`;

/**
 * Lanes as a list, seqs as JSON, keys as JSON where some are left out, limit. Walks the primary key from its beginning. There is no "everything after the last one
 * I saw": a transaction that commits late brings lower numbers, and a key's later message must not pass them. What the relay
 * has in memory is looked up in a hash. `find_in_set` hides the lanes from the planner, which must not think of a sort.
 */
export const readPending = (t: TableName, aged: boolean, withoutKeys: boolean): string => `
select ${aged ? AGED_MESSAGE : MESSAGE}
from ${t('outbox_messages')} m force index (primary)
where find_in_set(m.lane, ?)
  and m.seq not in (select seq from json_table(?, '$[*]' columns (seq bigint path '$')) x where seq is not null)${withoutKeys ? `\n  and ${NOT_OF_KEYS}` : ''}
order by m.seq
limit ?`;

/** Lanes as a list, keys as JSON, limit. Without what they carry: to read one of them may be what the relay died of. */
export const pendingEntries = (t: TableName): string => `
select ${ENTRY}
from ${t('outbox_messages')} m force index (primary)
where find_in_set(m.lane, ?)
  and ${NOT_OF_KEYS}
order by m.seq
limit ?`;

/** Lanes as a list. Those of keys. */
export const readBlocks = (t: TableName): string => `
select block, lane
from ${t('outbox_blocks')}
where find_in_set(lane, ?)
  and left(block, 1) = '='`;

/** Limit. Steps from block to block along the index on (block, seq), however many messages each of them has. Locks nothing. */
export const readOrphans = (t: TableName): string => `
select w.block
from (select distinct block from ${t('outbox_waiting')} force index (outbox_waiting_block)) w
where not exists (select 1 from ${t('outbox_blocks')} b where b.block = w.block)
limit ?`;

/** Lanes as a list, blocks as JSON, limit. By the index on the time. */
export const readDue = (t: TableName): string => `
select block
from ${t('outbox_blocks')} force index (outbox_blocks_due)
where available_at <= ${NOW}
  and find_in_set(lane, ?)
  and block not in (select block from json_table(?, '$[*]' columns (block varchar(256) ${TEXT} path '$')) x where block is not null)
order by available_at
limit ?`;

/** For each block its name: its first messages, by the index on (block, seq). */
const firstOfEach = (t: TableName, blocks: number, columns: string): string =>
  Array.from(
    { length: blocks },
    () => `
(select m.block, ${FAILURES}, ${columns}
from ${t('outbox_waiting')} m force index (outbox_waiting_block)
where m.block = ?
order by m.seq
limit 100)`,
  ).join('\nunion all');

/** For each block its name. */
export const readWaiting = (t: TableName, blocks: number): string =>
  firstOfEach(t, blocks, AGED_MESSAGE);

/** The same without what they carry. */
export const waitingEntries = (t: TableName, blocks: number): string =>
  firstOfEach(t, blocks, ENTRY);

export const readOnePending = (t: TableName): string => `
select ${AGED_MESSAGE}
from ${t('outbox_messages')} m
where m.seq = ?`;

export const readOneWaiting = (t: TableName): string => `
select ${FAILURES}, ${AGED_MESSAGE}
from ${t('outbox_waiting')} m
where m.seq = ?`;
