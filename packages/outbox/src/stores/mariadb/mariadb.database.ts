import { mysqlErrnoOf, type SqlExecutor, type SqlResult } from '@acme/nest-transaction';

/** A deadlock, and a record that is newer than the snapshot: the transaction is undone. */
const UNDONE = [1213, 1020];
const ATTEMPTS = 5;

/** Statements on connections of the store's own: transactions of their own, which may be repeated, so nobody has to hear of a deadlock. */
export class MariaDbDatabase {
  constructor(readonly sql: SqlExecutor) {}

  async rows<Row>(text: string, params: readonly unknown[] = []): Promise<Row[]> {
    const { rows } = await this.run<Row | Row[]>(text, params);
    // Of a compound statement drivers give what it has selected, and then how it ended.
    return (Array.isArray(rows[0]) ? rows[0] : rows) as Row[];
  }

  async run<Row>(text: string, params: readonly unknown[]): Promise<SqlResult<Row>> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.sql.query<Row>(text.trim(), params);
      } catch (error) {
        if (!UNDONE.includes(mysqlErrnoOf(error) ?? 0) || attempt === ATTEMPTS) throw error;
      }
    }
  }
}
