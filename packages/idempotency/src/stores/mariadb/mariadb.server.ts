import type { SqlExecutor } from '@acme/nest-transaction';
import { run } from './mariadb.statements.js';

const NEEDED = [10, 6] as const;

type ServerRow = { readonly version: string; readonly undoes: unknown };

/** Why this server cannot keep the records: each with its remedy. */
export async function problemsOfServer(sql: SqlExecutor): Promise<string[]> {
  const text = 'select version() as version, @@global.innodb_rollback_on_timeout as undoes';
  const [{ version, undoes }] = (await run<ServerRow>(sql, text)).rows as [ServerRow];
  if (!/mariadb/i.test(version))
    return [
      `store: MariaDbIdempotencyStore does not work on MySQL (${version}), neither in transactions nor with leases: its claims are "insert … returning" and "set statement innodb_lock_wait_timeout = 0 for …", which MySQL does not have, and without them a duplicate would wait for the whole transaction of the first call. Use MariaDB 10.6 or newer, or keep the records as leases in Redis (RedisIdempotencyStore) or in PostgreSQL.`,
    ];
  const problems: string[] = [];
  const [major, minor] = version.split('.').map(Number) as [number, number];
  if (major < NEEDED[0] || (major === NEEDED[0] && minor < NEEDED[1]))
    problems.push(
      `store: MariaDB ${version} is too old for MariaDbIdempotencyStore, which needs "skip locked" and "insert … returning". Upgrade to 10.6 or newer.`,
    );
  if (Number(undoes) === 1)
    problems.push(
      'store: this MariaDB has innodb_rollback_on_timeout on. A claim that meets another one would undo the whole transaction around it, and with it what your code did there before. Start the server without it; off is the default.',
    );
  return problems;
}
