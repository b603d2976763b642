/** SQLSTATE classes of PostgreSQL and MySQL. Node's own five-letter codes (`EPIPE`) must not pass for one. */
const SQL_STATE = /^(?:\d[0-9A-Z]|F0|HV|P0|XX)[0-9A-Z]{3}$/;

/** Names under which libraries keep the driver's error, or its details, inside their own. */
const WITHIN = ['cause', 'driverError', 'original', 'parent', 'meta', 'driverAdapterError'];
const CODES = ['sqlState', 'code', 'originalCode', 'sqlstate'];

/** The SQLSTATE that the server answered with, wherever the library put it; undefined when no server answered. */
export function sqlStateOf(error: unknown, depth = 5): string | undefined {
  if (typeof error !== 'object' || error === null || depth === 0) return undefined;
  const fields = error as Record<string, unknown>;
  for (const key of CODES) {
    const value = fields[key];
    if (typeof value === 'string' && SQL_STATE.test(value)) return value;
  }
  for (const key of WITHIN) {
    const found = sqlStateOf(fields[key], depth - 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * The number of the error that a MySQL or MariaDB server answered with, wherever the library put it; undefined when none
 * answered. For those that share the SQLSTATE `HY000`, such as 1205, a lock wait timeout.
 */
export function mysqlErrnoOf(error: unknown, depth = 5): number | undefined {
  if (typeof error !== 'object' || error === null || depth === 0) return undefined;
  const fields = error as Record<string, unknown>;
  const { errno, sqlState } = fields;
  // Node's own errors have an errno, too: without a SQLSTATE, and a negative one where `mariadb` adds that.
  if (typeof errno === 'number' && errno > 0 && typeof sqlState === 'string') return errno;
  for (const key of WITHIN) {
    const found = mysqlErrnoOf(fields[key], depth - 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** With `innodb_snapshot_isolation`, the default of MariaDB 11.6 and newer: a record has changed since the snapshot. */
const ER_CHECKREAD = 1020;

/** True when the database undid the transaction only because of others: the same work may succeed when repeated. */
export function isSerializationFailure(error: unknown): boolean {
  // MySQL reports its deadlocks (1213) as 40001 as well; 1020 has no SQLSTATE of its own.
  return (
    ['40001', '40P01'].includes(sqlStateOf(error) ?? '') || mysqlErrnoOf(error) === ER_CHECKREAD
  );
}

/**
 * True when a failed commit may nevertheless have happened: the server did not answer, or answered that it is going
 * away (PostgreSQL ends a backend that waits for a synchronous standby with 57P01 although it has committed).
 */
export function leavesOutcomeOpen(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state === undefined || /^(?:08|70|57P0|40003)/.test(state);
}
