import { mysqlErrnoOf } from '@acme/nest-transaction';
import type { OutboxFinding } from '../../contracts/examination.js';
import type { MariaDbDatabase } from './mariadb.database.js';
import * as statements from './mariadb.health.sql.js';
import { findHolders, type LongTransaction } from './mariadb.holders.js';
import { missingIndexes, type IndexColumn } from './mariadb.indexes.js';
import type { MariaDbNames } from './mariadb.schema.js';
import { problemsOfServer } from './mariadb.server.js';
import type { OutboxTable, TableName } from '../sql/tables.js';
import { TEXT } from './mariadb.schema.js';

/** More than purge leaves for a moment at a usual pace: with each transaction of a relay went up to some hundred rows. */
const LONG_HISTORY = 10_000;
/** Where nobody holds purge back, it may yet catch up. */
const VERY_LONG_HISTORY = 100_000;

const ACCESS_DENIED = 1227;
const [, COLLATION] = /collate (\w+)/.exec(TEXT) as unknown as [string, string];

interface ServerRow {
  readonly read_only: unknown;
  readonly user: string;
  readonly history: number | null;
}

/** What MariaDB knows of itself and of the tables. */
export async function examineServer(
  database: MariaDbDatabase,
  { table: t, schema }: MariaDbNames,
  patienceMs: number,
): Promise<OutboxFinding[]> {
  const unfit = await problemsOfServer(database.sql);
  if (unfit.length > 0) return unfit.map(serverUnfit);
  const [server] = await database.rows<ServerRow>(statements.server);
  return [
    ...readOnly(server as ServerRow),
    ...(await examineTables(database, t, schema)),
    ...(await examineTransactions(database, server as ServerRow, schema, patienceMs)),
  ];
}

async function examineTables(
  database: MariaDbDatabase,
  t: TableName,
  schema: string | undefined,
): Promise<OutboxFinding[]> {
  const columns = await database.rows<IndexColumn>(statements.indexes(schema));
  const hasPlaces = columns.some(
    (one) =>
      one.table_name === 'outbox_messages' && one.name === 'PRIMARY' && one.column_name === 'seq',
  );
  const [next] = hasPlaces ? [] : await database.rows<{ seq: string }>(statements.nextSeq(t));
  const engines = await database.rows<EngineRow>(statements.tables(schema));
  const collations = await database.rows<CollationRow>(statements.collations(schema));
  return [
    ...missingIndexes(columns, t, next?.seq),
    ...engines.flatMap((row) => wrongEngine(row, t)),
    ...wrongCollations(collations, t),
  ];
}

async function examineTransactions(
  database: MariaDbDatabase,
  { user, history }: ServerRow,
  schema: string | undefined,
  patienceMs: number,
): Promise<OutboxFinding[]> {
  const found = await database
    .rows<LongTransaction>(statements.transactions(schema), [patienceMs])
    .catch((error: unknown) => {
      if (mysqlErrnoOf(error) !== ACCESS_DENIED) throw error;
      return undefined;
    });
  const length = history ?? 0;
  const findings = findHolders(found ?? [], length > LONG_HISTORY ? length : undefined);
  const isHeld = findings.some(({ code }) => code === 'PURGE_HELD');
  return [
    ...findings,
    ...(isHeld || length <= VERY_LONG_HISTORY ? [] : [purgeLag(length)]),
    ...(found ? [] : [transactionsUnseen(user)]),
  ];
}

const serverUnfit = ({ what, remedy }: { what: string; remedy: string }): OutboxFinding => ({
  code: 'SERVER_UNFIT',
  severity: 'error',
  message: `The outbox cannot work with this server, or with connections as they are opened here: ${what}`,
  remedy,
  detail: { problem: what },
});

function readOnly({ read_only }: ServerRow): OutboxFinding[] {
  if (['0', 'OFF'].includes(String(read_only))) return [];
  return [
    {
      code: 'SERVER_READ_ONLY',
      severity: 'error',
      message:
        'This server takes no writes (read_only is on): services cannot add here, and relays cannot hold lanes.',
      remedy:
        'Give services and relays the address of the primary. If this is the primary: set global read_only = off;',
      detail: { readOnly: String(read_only) },
    },
  ];
}

interface EngineRow {
  readonly name: OutboxTable;
  readonly engine: string | null;
}

function wrongEngine({ name, engine }: EngineRow, t: TableName): OutboxFinding[] {
  if (engine?.toLowerCase() === 'innodb') return [];
  return [
    {
      code: 'TABLE_SETTINGS',
      severity: 'error',
      message: `${t(name)} is kept by ${engine ?? 'no engine'}, not by InnoDB: what is written there is not part of a transaction.`,
      remedy: `Run: alter table ${t(name)} engine = innodb;`,
      detail: { table: name, engine },
    },
  ];
}

interface CollationRow {
  readonly name: OutboxTable;
  readonly collation: string;
}

function wrongCollations(rows: readonly CollationRow[], t: TableName): OutboxFinding[] {
  const wrong = rows.filter(({ collation }) => collation !== COLLATION);
  return [...new Set(wrong.map(({ name }) => name))].map((table) => {
    const collations = wrong.filter(({ name }) => name === table).map(({ collation }) => collation);
    return {
      code: 'TABLE_SETTINGS',
      severity: 'error',
      message: `${t(table)} compares text as ${collations.join(', ')} does, not byte by byte (${COLLATION}): keys that differ may be taken for the same, and statements that join tables may be refused.`,
      remedy: `Run: alter table ${t(table)} convert to ${TEXT};`,
      detail: { table, collations },
    };
  });
}

const purgeLag = (history: number): OutboxFinding => ({
  code: 'PURGE_LAG',
  severity: 'warning',
  message: `InnoDB does not keep up with removing old versions of rows (history list length ${history}): every read walks over them.`,
  remedy:
    "See whether it falls: show global status like 'Innodb_history_list_length'. If it does not, look for transactions that are opened again and again for long, and for too slow a disk; more innodb_purge_threads help against many writers.",
  detail: { history },
});

/** `current_user()` has the name and the host with one `@` between them, and a name may have more. */
function transactionsUnseen(user: string): OutboxFinding {
  const at = user.lastIndexOf('@');
  const quoted = [user.slice(0, at), user.slice(at + 1)]
    .map((part) => `\`${part.replaceAll('`', '``')}\``)
    .join('@');
  return {
    code: 'TRANSACTIONS_UNSEEN',
    severity: 'warning',
    message: `The user ${user} may not see the transactions of this server, so whether one keeps rows from others, or old versions from being removed, was not looked at.`,
    remedy: `Run: grant process on *.* to ${quoted}; or examine with a user who has the privilege PROCESS.`,
    detail: { user },
  };
}
