/** The SQL that the database behind a handle understands. MariaDB counts as `mysql`. */
export type SqlDialect = 'postgres' | 'mysql';

/** What one statement gave back. */
export interface SqlResult<Row = Record<string, unknown>> {
  /** Rows as the library parsed them. Libraries differ for bigint, timestamps and json: select `…::text` where it matters. */
  readonly rows: Row[];
  /** Rows returned, or rows affected by a statement that returns none. On `mysql` an update counts the rows it matched. */
  readonly rowCount: number;
}

/**
 * Plain SQL on a handle that belongs to some library: the one thing this project's packages need from an ORM.
 *
 * Statements run on the handle's own connection, in the order in which they were called; an error is the driver's own
 * and keeps its SQLSTATE. Whether the connection can be used for anything else while a statement runs is the library's
 * affair: await one before the next.
 */
export interface SqlExecutor {
  readonly dialect: SqlDialect;
  /**
   * Runs one statement. Placeholders are the database's: `$1` for `postgres`, `?` for `mysql`.
   *
   * Parameters that mean the same through every library: string, number, bigint, boolean, null, `Date` and
   * `Uint8Array`. An object is sent as JSON text and, on `postgres`, an array as an array literal, so cast them where
   * they are used (`$1::jsonb`, `$2::text[]`). `undefined` is null.
   *
   * @throws the error of the driver or of the library around it
   */
  query<Row = Record<string, unknown>>(
    sql: string,
    params?: readonly unknown[],
  ): Promise<SqlResult<Row>>;
}
