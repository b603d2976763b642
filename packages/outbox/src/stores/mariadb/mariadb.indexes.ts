import type { OutboxFinding } from '../../contracts/examination.js';
import type { OutboxTable, TableName } from '../sql/tables.js';
import { OUTBOX_TABLES, SHAPES } from './mariadb.shape.js';

/** A column of an index, as the server tells of it; those of one index in their order. */
export interface IndexColumn {
  readonly table_name: OutboxTable;
  readonly name: string;
  readonly column_name: string;
  /** Not only its beginning. */
  readonly is_whole: unknown;
  readonly is_ignored: string;
}

type Index = readonly IndexColumn[];

/**
 * What is missing of what the migration made. Statements name indexes, so one with another name is none; and one that the
 * server is told to ignore is none either.
 *
 * @param nextSeq the number that the next message may have; where the primary key of the messages is missing
 */
export function missingIndexes(
  columns: readonly IndexColumn[],
  t: TableName,
  nextSeq: string | undefined,
): OutboxFinding[] {
  return OUTBOX_TABLES.flatMap((table) => {
    const indexOf = (name: string): Index =>
      columns.filter((one) => one.table_name === table && one.name === name);
    const secondary = Object.entries(SHAPES[table].indexes).flatMap(([name, wanted]) =>
      secondaryIndex(table, name, wanted, indexOf(name), t),
    );
    return [...primaryKey(table, indexOf('PRIMARY'), t, nextSeq), ...secondary];
  });
}

function primaryKey(
  table: OutboxTable,
  found: Index,
  t: TableName,
  nextSeq: string | undefined,
): OutboxFinding[] {
  const { primaryKey: key, numbered } = SHAPES[table];
  if (covers(found, [key])) return [];
  const column = `\`${key}\``;
  const steps = [
    ...(found.length > 0 ? ['drop primary key'] : []),
    // Goes with the key, and would begin at 1 again: numbers that messages elsewhere still have.
    ...(numbered ? [`modify ${column} bigint not null auto_increment`] : []),
    `add primary key (${column})`,
    ...(table === 'outbox_messages' && nextSeq !== undefined
      ? [`auto_increment = ${nextSeq}`]
      : []),
  ];
  return [
    {
      code: 'INDEX_MISSING',
      severity: 'error',
      message: `${t(table)} has no primary key (${key}): statements of the relay that name it fail, all others read the whole table, and may find a row twice.`,
      remedy: `${numbered ? 'Stop services and relays, and run' : 'Run'}: alter table ${t(table)} ${steps.join(', ')};`,
      detail: { table, columns: [key], primaryKey: true },
    },
  ];
}

function secondaryIndex(
  table: OutboxTable,
  name: string,
  wanted: readonly string[],
  found: Index,
  t: TableName,
): OutboxFinding[] {
  const hasColumns = covers(found, wanted);
  const isIgnored = hasColumns && found.some(({ is_ignored }) => is_ignored === 'YES');
  if (hasColumns && !isIgnored) return [];
  const columns = wanted.join(', ');
  const drop = found.length > 0 ? `drop index ${name}, ` : '';
  return [
    {
      code: 'INDEX_MISSING',
      severity: 'error',
      message: isIgnored
        ? `The index ${name} of ${t(table)} is ignored: statements of the relay that name it fail, and nothing else uses it.`
        : `${t(table)} has no index ${name} on (${columns}): statements of the relay that name it fail, and what should be a look becomes a walk through the whole table.`,
      remedy: isIgnored
        ? `Run: alter table ${t(table)} alter index ${name} not ignored;`
        : `Run: alter table ${t(table)} ${drop}add index ${name} (${columns});`,
      detail: { table, columns: wanted, primaryKey: false },
    },
  ];
}

const covers = (found: Index, wanted: readonly string[]): boolean =>
  found.length === wanted.length &&
  found.every(
    ({ column_name, is_whole }, place) => column_name === wanted[place] && Number(is_whole) === 1,
  );
