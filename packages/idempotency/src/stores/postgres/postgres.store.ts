import type { SqlExecutor } from '@acme/nest-transaction';
import { createHash } from 'node:crypto';
import { IdempotencyConfigurationError } from '../../idempotency.errors.js';
import { executorOf, problemsOfNames, problemsOfOptions } from '../sql/sql-options.js';
import { SqlStore } from '../sql/sql-store.js';
import { PostgresNotices, type PgListenerFactory } from './postgres.notices.js';
import { tablesOf } from './postgres.schema.js';
import { postgresStatements } from './postgres.statements.js';

/** Options of `PostgresIdempotencyStore`. */
export interface PostgresIdempotencyStoreOptions {
  /**
   * Where it runs its own statements, those of lease mode and of purging: a pg `Pool`, or any other handle or pool that
   * `sqlOf()` of `@acme/nest-transaction` accepts. It stays its owner's: nobody closes it here.
   * @default what `TransactionModule` opens, a transaction for each
   */
  readonly database?: unknown;
  /**
   * Schema of the tables; created by `migrate()` when it is not there.
   * @default 'idempotency'
   */
  readonly schema?: string | undefined;
  /**
   * Table of the records; another one, `<table>_migrations`, stands beside it.
   * @default 'records'
   */
  readonly table?: string | undefined;
  /**
   * Opens a connection on which duplicates hear that the call they wait for has ended, in whatever process:
   * `async () => { const client = new pg.Client(url); await client.connect(); return client; }`. Not through PgBouncer in
   * transaction mode, which cannot listen. It is opened when somebody waits, and closed with the application. Every process of
   * the service needs it, since those that have it also tell, and every commit that tells takes its turn in the database.
   * Without it duplicates look again, at growing intervals of up to half a second.
   */
  readonly listen?: PgListenerFactory | undefined;
}

/**
 * Records in PostgreSQL 12 or newer, PGlite included. In the database of the business data they are written by the
 * transaction that writes these: key, effect and reply commit together.
 */
export class PostgresIdempotencyStore extends SqlStore {
  readonly label = 'PostgreSQL';
  readonly dialect = 'postgres';
  readonly #options: PostgresIdempotencyStoreOptions;
  /** Present only where it can be done. */
  readonly subscribe?: (id: string, ended: () => void) => Promise<() => void>;
  readonly close?: () => Promise<void>;

  /** @throws {IdempotencyConfigurationError} that lists everything that is wrong */
  constructor(options: PostgresIdempotencyStoreOptions = {}) {
    const { schema = 'idempotency', table = 'records', listen } = options;
    const problems = [
      ...problemsOfOptions('PostgresIdempotencyStore', options, [
        'database',
        'schema',
        'table',
        'listen',
      ]),
      ...problemsOfNames('PostgresIdempotencyStore', { schema, table }),
    ];
    const database = executorOf('PostgresIdempotencyStore', 'postgres', options.database, problems);
    if (listen !== undefined && typeof listen !== 'function')
      problems.push(
        'PostgresIdempotencyStore listen: this is no function. Give one that opens a connection of its own.',
      );
    if (problems.length > 0) throw new IdempotencyConfigurationError(problems);
    const tables = tablesOf(schema, table);
    const channel = listen && channelOf(tables.records);
    super(postgresStatements(tables, channel), database, tables.records);
    this.#options = options;
    if (!listen || channel === undefined) return;
    const notices = new PostgresNotices(listen, channel);
    this.subscribe = (id, ended) => notices.listen(id, ended);
    this.close = () => notices.close();
  }

  on(database: SqlExecutor): PostgresIdempotencyStore {
    return new PostgresIdempotencyStore({ ...this.#options, database });
  }
}

/** A name that fits, however long those of schema and table are. */
const channelOf = (records: string): string =>
  `idempotency_${createHash('sha256').update(records).digest('hex').slice(0, 32)}`;
