import { sqlOf, type SqlDialect, type SqlExecutor } from '@acme/nest-transaction';
import { isMisfit, OptionsCheck, show } from '@acme/nest-message-context/kit';
import { OutboxConfigurationError } from '../../outbox.errors.js';

/** Options of a store in an SQL database. */
export interface SqlStoreOptions {
  readonly database: unknown;
  readonly schema?: string | undefined;
  readonly migrate?: boolean | undefined;
}

/** What differs between the databases. */
export interface SqlStoreKind {
  readonly store: string;
  readonly needs: string;
  readonly dialect: SqlDialect;
  /** Names of schemas that need no thought about quoting. */
  readonly schema: RegExp;
  /** Options of its own, which it checks itself. */
  readonly options?: readonly string[];
}

/**
 * SQL on the connections of the store's own.
 *
 * @throws {OutboxConfigurationError} when the options make no store
 */
export function executorOf(
  options: SqlStoreOptions,
  kind: SqlStoreKind,
  check = new OptionsCheck(),
): SqlExecutor {
  const known = ['database', 'schema', 'migrate', ...(kind.options ?? [])];
  if (isMisfit(options, known))
    throw new OutboxConfigurationError([
      `store: ${show(options)} instead of options. Give new ${kind.store}({ database: pool }).`,
    ]);
  const { database, schema } = options;
  check.known('store.', options, known);
  if (database === undefined || database === null)
    check.problems.push('store.database: missing. Give your pool or data source.');
  if (schema !== undefined && !kind.schema.test(schema))
    check.problems.push(
      `store.schema: ${JSON.stringify(schema)} is not a plain SQL name. Give letters, digits and underscores.`,
    );
  if (check.problems.length > 0) throw new OutboxConfigurationError(check.problems);
  if (typeof database === 'string')
    throw new OutboxConfigurationError([
      `store.database: a text. Give the pool or data source that you have opened with it: ${kind.store} opens no connection by itself.`,
    ]);
  const executor = isExecutor(database) ? database : sqlOf(database);
  if (executor.dialect === kind.dialect) return executor;
  throw new OutboxConfigurationError([
    `store.database: speaks ${executor.dialect}. ${kind.store} needs ${kind.needs}.`,
  ]);
}

/** By the text: Sequelize itself has a dialect, too, and a `query`. */
function isExecutor(value: unknown): value is SqlExecutor {
  const like = value as Partial<SqlExecutor> | null;
  return (
    typeof like === 'object' &&
    typeof like?.dialect === 'string' &&
    typeof like.query === 'function'
  );
}
