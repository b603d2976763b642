import type { TableName } from '../sql/tables.js';
import { MOVED, MOVED_OF_M, NEVER } from './mariadb.columns.js';
import { TEXT } from './mariadb.schema.js';
import { fenced, inMs, NOW, table, text, transaction } from './mariadb.statement.js';

/**
 * The given messages that are there and ours, by the primary key. Never by a scan, however few rows the statistics know of:
 * a scan would wait for the insert of every open transaction.
 */
const givenOf = (t: TableName, name: string, ...columns: string[]): string =>
  `${table('given', 'seq bigint', ...columns)} v
  straight_join ${t(name)} m force index (primary) on m.seq = v.seq and find_in_set(m.lane, ours)`;

/** Given: seqs. One row: how many were removed. */
export const removeMessages = (t: TableName, name: string): string =>
  fenced(
    t,
    `
  delete m
  from ${givenOf(t, name)};
  select row_count() as removed;`,
  );

/** The same, with a copy for as long as published messages are kept. */
export const keepMessages = (t: TableName, name: string): string =>
  fenced(
    t,
    `
  insert into ${t('outbox_published')} (${MOVED})
  select ${MOVED_OF_M}
  from ${givenOf(t, name)};
  delete m
  from ${givenOf(t, name)};
  select row_count() as removed;`,
  );

/** Given: seq, block. Moves messages to the waiting ones. A block that is there already keeps its time. */
export const divertMessages = (t: TableName): string => {
  const diverted = givenOf(t, 'outbox_messages', `block varchar(256) ${TEXT}`);
  return fenced(
    t,
    `
  insert into ${t('outbox_waiting')} (${MOVED}, block, attempts, tries, history)
  select ${MOVED_OF_M}, v.block, 0, 0, '[]'
  from ${diverted};
  insert into ${t('outbox_blocks')} (block, lane, available_at)
  select distinct v.block, m.lane, ${NOW}
  from ${diverted}
  on duplicate key update block = values(block);
  delete m
  from ${diverted};`,
  );
};

const FAILED = [
  `block varchar(256) ${TEXT}`,
  'attempts integer',
  'tries integer',
  `history longtext ${TEXT}`,
  'delay_ms double',
];

/** Given: seq, block, attempts, tries, history, delay in ms. The messages move to the waiting ones, and the block gets its time. */
export const holdPending = (t: TableName): string => {
  const failed = givenOf(t, 'outbox_messages', ...FAILED);
  return fenced(
    t,
    `
  insert into ${t('outbox_waiting')} (${MOVED}, block, attempts, tries, history)
  select ${MOVED_OF_M}, v.block, v.attempts, v.tries, v.history
  from ${failed};
  insert into ${t('outbox_blocks')} (block, lane, available_at)
  select v.block, m.lane, ${inMs('v.delay_ms')}
  from ${failed}
  on duplicate key update available_at = values(available_at);
  delete m
  from ${failed};`,
  );
};

/** Given: the same. */
export const holdWaiting = (t: TableName): string =>
  fenced(
    t,
    `
  update ${givenOf(t, 'outbox_waiting', ...FAILED)}
  straight_join ${t('outbox_blocks')} b force index (primary) on b.block = m.block
  set m.attempts = v.attempts,
      m.tries = v.tries,
      m.history = v.history,
      b.available_at = ${inMs('v.delay_ms')};`,
  );

/** Given: seq, attempts, reason, error, history. A block without an end waits for its parked message to be redriven. */
export const parkMessages = (t: TableName, name: string, blockKey: boolean): string => {
  const given = givenOf(
    t,
    name,
    'attempts integer',
    ...['reason', 'error', 'history'].map((column) => `${column} longtext ${TEXT}`),
  );
  return fenced(
    t,
    `
  insert into ${t('outbox_parked')} (${MOVED}, attempts, reason, error, history)
  select ${MOVED_OF_M}, v.attempts, v.reason, v.error, v.history
  from ${given};${blockKey ? blockedKeys(t, given) : ''}
  delete m
  from ${given};`,
  );
};

const blockedKeys = (t: TableName, given: string): string => `
  insert into ${t('outbox_blocks')} (block, lane, available_at)
  select distinct concat('=', m.\`key\`), m.lane, ${NEVER}
  from ${given}
  where m.\`key\` is not null
  on duplicate key update available_at = values(available_at);`;

/** Given: blocks. Rows: which are free. Their lane is locked, so nothing is added to them between the two steps. */
export const unblock = (t: TableName): string => {
  const free = `${table('given', `block varchar(256) ${TEXT}`)} v
  straight_join ${t('outbox_blocks')} b force index (primary) on b.block = v.block
  where find_in_set(b.lane, ours)
    and b.available_at < ${NEVER}
    and not exists (select 1 from ${t('outbox_waiting')} w where w.block = b.block)`;
  return fenced(
    t,
    `
  select v.block
  from ${free};
  delete b
  from ${free};`,
  );
};

/** Messages whose block is missing: looked for first, and without a lock, because there are none. Given: blocks. */
export const heal = (t: TableName): string =>
  transaction(
    `${text('given', '?')}`,
    `
  insert into ${t('outbox_blocks')} (block, lane, available_at)
  select w.block, min(w.lane), ${NOW}
  from ${table('given', `block varchar(256) ${TEXT}`)} v
  straight_join ${t('outbox_waiting')} w force index (outbox_waiting_block) on w.block = v.block
  group by w.block
  order by w.block
  on duplicate key update block = values(block);`,
  );
