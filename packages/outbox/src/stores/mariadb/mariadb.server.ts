import type { SqlExecutor } from '@acme/nest-transaction';

const NEEDED = [10, 6] as const;

/** Something that keeps the outbox from working there at all. */
export interface ServerProblem {
  /** The option of the store that names it. */
  readonly option: 'store' | 'store.database';
  readonly what: string;
  readonly remedy: string;
}

/** Why this server, or a connection as it is opened, cannot keep the outbox. */
export async function problemsOfServer(sql: SqlExecutor): Promise<ServerProblem[]> {
  const { version } = await only<{ version: string }>(sql, 'select version() as version');
  if (!/mariadb/i.test(version)) {
    return [
      {
        option: 'store',
        what: `MariaDbOutboxStore does not work on MySQL (${version}): what its relay moves from table to table it moves by one compound statement each ("begin not atomic …"), which MySQL has in stored procedures only.`,
        remedy: 'Use MariaDB 10.6 or newer, or PostgreSQL with PostgresOutboxStore.',
      },
    ];
  }
  const [major, minor] = version.split('.').map(Number) as [number, number];
  if (major < NEEDED[0] || (major === NEEDED[0] && minor < NEEDED[1])) {
    return [
      {
        option: 'store',
        what: `MariaDB ${version} is too old for MariaDbOutboxStore, which needs "skip locked" and "json_table".`,
        remedy: 'Upgrade to 10.6 or newer.',
      },
    ];
  }
  return problemsOfSettings(sql);
}

async function problemsOfSettings(sql: SqlExecutor): Promise<ServerProblem[]> {
  const { autocommit, logged, format } = await only<Record<string, unknown>>(
    sql,
    'select @@session.autocommit as autocommit, @@global.log_bin as logged, @@session.binlog_format as format',
  );
  const problems: ServerProblem[] = [];
  if (Number(autocommit) !== 1)
    problems.push({
      option: 'store.database',
      what: 'connections are opened with autocommit off, so each would look for ever at what was there when it looked first.',
      remedy: 'Give a pool that leaves it on; that is the default.',
    });
  if (Number(logged) === 1 && format === 'STATEMENT')
    problems.push({
      option: 'store',
      what: 'this MariaDB has binlog_format = STATEMENT, with which it cannot write at "read committed", as the relay does.',
      remedy: 'Set MIXED, which is the default, or ROW.',
    });
  return problems;
}

async function only<Row>(sql: SqlExecutor, text: string): Promise<Row> {
  const { rows } = await sql.query<Row>(text);
  return rows[0] as Row;
}

/** Bytes that a statement may have on connections like this one. */
export async function maxPacketOf(sql: SqlExecutor): Promise<number> {
  const { bytes } = await only<{ bytes: unknown }>(sql, 'select @@max_allowed_packet as bytes');
  return Number(bytes);
}
