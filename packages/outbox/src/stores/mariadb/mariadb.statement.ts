import type { TableName } from '../sql/tables.js';
import { TEXT } from './mariadb.schema.js';

/** When the statement began, of a compound one the step; whatever the time zone of the session. */
export const NOW = 'utc_timestamp(6)';

export const inMs = (ms: string): string => `${NOW} + interval ${ms} * 1000 microsecond`;

/** Rows out of a JSON array of arrays: one parameter, however many. A column is given as its name and type. */
export const table = (json: string, ...columns: string[]): string =>
  `json_table(${json}, '$[*]' columns (${columns.map((column, at) => `${column} path '$[${at}]'`).join(', ')}))`;

/** The same out of a JSON array of values, by the name and type of the one column. */
export const list = (json: string, column: string): string =>
  `json_table(${json}, '$[*]' columns (place for ordinality, ${column} path '$'))`;

/** Declares a variable that holds JSON or text. */
export const text = (name: string, value: string): string =>
  `declare ${name} longtext ${TEXT} default ${value};`;

/**
 * What is more than one step is one compound statement: a transaction of its own, one round trip, and neither a pool that
 * takes another connection for the next step nor a process that freezes between two can leave it half done. Read committed,
 * because no gap may be locked: producers insert into them. What is done `before` is not part of the transaction.
 */
export const transaction = (
  declarations: string,
  work: string,
  before = '',
): string => `begin not atomic
  ${declarations}
  declare exit handler for sqlexception
  begin
    rollback;
    resignal;
  end;
  ${before.trim()}
  set transaction isolation level read committed;
  start transaction;
  ${work.trim()}
  commit;
end`;

/**
 * The same within the transaction of others: all of it or nothing, also for those who go on after an error. Where the error
 * has ended their transaction, there is no savepoint any more.
 */
export const part = (declarations: string, work: string): string => `begin not atomic
  ${declarations}
  declare exit handler for sqlexception
  begin
    begin
      declare continue handler for sqlexception begin end;
      rollback to savepoint outbox_part;
    end;
    resignal;
  end;
  savepoint outbox_part;
  ${work.trim()}
  release savepoint outbox_part;
end`;

/**
 * Parameters: what is given, `[lane, token]` of the lanes held; both as JSON. `ours` are the lanes that the relay still
 * holds, and keeps until the transaction has ended: `claimLanes` passes them by, so that a new owner never reads before what
 * its predecessor still moves. Everybody locks lanes first, and in the order of their numbers: so nobody waits in a circle.
 */
export const fenced = (t: TableName, work: string): string =>
  transaction(
    `${text('given', '?')}
  declare ours longtext ${TEXT};`,
    `select group_concat(l.lane) into ours
  from ${table('?', 'lane integer', 'token bigint')} h
  straight_join ${t('outbox_lanes')} l force index (primary) on l.lane = h.lane and l.token = h.token
  for update;
  ${work.trim()}`,
  );

/** Declares what `pick` needs. */
export const PICKING = `declare picked longtext ${TEXT} default '';
  declare count integer default 0;`;

/**
 * Locks rows that nobody else has locked, and notes their numbers in their order in `picked`, and how many in `count`.
 *
 * @param query of a column `seq`, with its order
 * @param limit a whole number, since a cursor takes no parameter from outside
 */
export const pick = (query: string, limit: number): string => `
  for one in (
    ${query.trim()}
    limit ${limit}
    for update skip locked
  ) do
    set picked = concat(picked, if(count = 0, '', ','), one.seq);
    set count = count + 1;
  end for;`;

/** The rows that were picked, as `m`, each with its `p.place`, `only` some of them. By the primary key, never by a scan. */
export const pickedOf = (t: TableName, name: string, only?: string): string =>
  `${list(`concat('[', picked, ']')`, 'seq bigint')} p
  straight_join ${t(name)} m force index (primary) on m.seq = p.seq${only ? ` and ${only}` : ''}`;
