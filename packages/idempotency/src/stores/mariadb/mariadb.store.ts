import type { SqlExecutor } from '@acme/nest-transaction';
import type { StoreFinding } from '../../core/store.js';
import { IdempotencyConfigurationError } from '../../idempotency.errors.js';
import { executorOf, problemsOfNames, problemsOfOptions } from '../sql/sql-options.js';
import { SqlStore } from '../sql/sql-store.js';
import { tablesOf } from './mariadb.schema.js';
import { problemsOfServer } from './mariadb.server.js';
import { mariaDbStatements } from './mariadb.statements.js';

/** Options of `MariaDbIdempotencyStore`. */
export interface MariaDbIdempotencyStoreOptions {
  /**
   * Where it runs its own statements, those of lease mode and of purging: a pool of `mysql2` or `mariadb`, or any other
   * handle or pool that `sqlOf()` of `@acme/nest-transaction` accepts. It stays its owner's: nobody closes it here.
   * @default what `TransactionModule` opens, a transaction for each
   */
  readonly database?: unknown;
  /**
   * The database (in MariaDB the same as a schema) of the tables; created by `migrate()` when it is not there.
   * @default the one that the connection uses
   */
  readonly schema?: string | undefined;
  /**
   * Table of the records; another one, `<table>_migrations`, stands beside it.
   * @default 'idempotency_records'
   */
  readonly table?: string | undefined;
}

/**
 * Records in MariaDB 10.6 or newer, in InnoDB. On the server of the business data they are written by the transaction that
 * writes these: key, effect and reply commit together. `innodb_rollback_on_timeout` has to be off, which is its default.
 *
 * Not for MySQL, which it refuses at boot: MySQL has neither `insert … returning` nor a lock wait timeout for one statement,
 * so a duplicate would wait, with its connection, for the whole transaction of the first call. Nobody is notified: duplicates
 * look again, at growing intervals of up to half a second.
 */
export class MariaDbIdempotencyStore extends SqlStore {
  readonly label = 'MariaDB';
  readonly dialect = 'mysql';
  readonly #options: MariaDbIdempotencyStoreOptions;

  /** @throws {IdempotencyConfigurationError} that lists everything that is wrong */
  constructor(options: MariaDbIdempotencyStoreOptions = {}) {
    const { schema, table = 'idempotency_records' } = options;
    const problems = [
      ...problemsOfOptions('MariaDbIdempotencyStore', options, ['database', 'schema', 'table']),
      ...problemsOfNames(
        'MariaDbIdempotencyStore',
        schema === undefined ? { table } : { schema, table },
      ),
    ];
    const database = executorOf('MariaDbIdempotencyStore', 'mysql', options.database, problems);
    if (problems.length > 0) throw new IdempotencyConfigurationError(problems);
    const tables = tablesOf(schema, table);
    super(mariaDbStatements(tables), database, tables.records);
    this.#options = options;
  }

  on(database: SqlExecutor): MariaDbIdempotencyStore {
    return new MariaDbIdempotencyStore({ ...this.#options, database });
  }

  /** @throws {IdempotencyConfigurationError} on a server that cannot keep the records */
  override async migrate(): Promise<void> {
    const problems = await problemsOfServer(this.own());
    if (problems.length > 0) throw new IdempotencyConfigurationError(problems);
    await super.migrate();
  }

  override async check(): Promise<StoreFinding[]> {
    const problems = await problemsOfServer(this.own());
    if (problems.length === 0) return super.check();
    return problems.map((text) => ({ severity: 'error', text }));
  }
}
