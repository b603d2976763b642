import { hasMethods, type KnownHandle } from '../known-handle.js';
import { toParams } from '../sql-params.js';
import type { IsolationLevel, TransactionAdapter } from '../transaction-adapter.js';
import { TransactionUnsupportedError } from '../transaction.errors.js';
import { probePostgres } from './pg.js';

/** The part of a Kysely `Kysely` or `Transaction` that is used. */
export interface KyselyQueryableLike {
  readonly isTransaction: boolean;
  withoutPlugins(): {
    executeQuery(query: never): Promise<{ rows: unknown[]; numAffectedRows?: bigint | undefined }>;
  };
}

/** The part of Kysely's transaction builder that is used. */
export interface KyselyTransactionBuilderLike<Tx> {
  setIsolationLevel(isolation: IsolationLevel): KyselyTransactionBuilderLike<Tx>;
  execute<R>(work: (trx: Tx) => Promise<R>): Promise<R>;
}

/** The part of a `Kysely` that is used. */
export interface KyselyLike<Tx extends KyselyQueryableLike> {
  transaction(): KyselyTransactionBuilderLike<Tx>;
}

/**
 * Transactions through Kysely, on PostgreSQL. User code reaches the `Transaction<DB>` with
 * `transactions.current<Transaction<DB>>()`, or injects `transactionAware(transactions, db)` and writes
 * `db.insertInto(…)` as ever. Give the pool's connections an `error` listener
 * (`pool.on('connect', (client) => client.on('error', …))`): Kysely has none, and a connection that dies inside a
 * transaction would end the process.
 */
export function fromKysely<Tx extends KyselyQueryableLike = KyselyQueryableLike>(
  db: KyselyLike<Tx>,
): TransactionAdapter<Tx> {
  assertPostgres(db);
  return {
    library: 'Kysely',
    dialect: 'postgres',
    transaction: (work, { isolation }) => {
      const builder = db.transaction();
      return (isolation ? builder.setIsolationLevel(isolation) : builder).execute(work);
    },
    beforeCommit: kyselyHandle.assertOpen,
    sql: kyselyHandle.executor,
  };
}

export const kyselyHandle: KnownHandle<KyselyQueryableLike> = {
  accepts: 'a Kysely or its Transaction',
  recognise: (handle) => hasMethods(handle, 'withoutPlugins', 'executeQuery', 'selectFrom'),
  inTransaction: (handle) => handle.isTransaction && !hasEnded(handle),
  executor: (handle) => {
    assertPostgres(handle);
    return {
      dialect: 'postgres',
      query: async <Row>(sql: string, params?: readonly unknown[]) => {
        const query = {
          sql,
          parameters: toParams(params, 'postgres'),
          query: { kind: 'RawNode', sqlFragments: [sql], parameters: [] },
          queryId: { queryId: '' },
        };
        // A plugin may rename columns (CamelCasePlugin), which would break whoever reads these rows.
        const result = await handle.withoutPlugins().executeQuery(query as never);
        const { rows, numAffectedRows } = result;
        return { rows: rows as Row[], rowCount: Number(numAffectedRows ?? rows.length) };
      },
    };
  },
  assertOpen: (handle) =>
    probePostgres('Kysely', (sql) => kyselyHandle.executor(handle).query(sql)),
};

/** From 0.28 on, the executor of a transaction that has ended gives its connection to nobody. */
function hasEnded(trx: object): boolean {
  const executor = (trx as ExecutorProviderLike).getExecutor();
  try {
    executor.provideConnection(async () => {}).catch(() => {});
    return false;
  } catch {
    return true;
  }
}

/** What Kysely's types hide. */
interface ExecutorProviderLike {
  getExecutor(): {
    readonly adapter: Record<string, unknown>;
    provideConnection(use: () => Promise<void>): Promise<void>;
  };
}

/** Kysely gives no name to its dialects; only PostgreSQL's has both of these. */
function assertPostgres(db: object): void {
  const { adapter } = (db as ExecutorProviderLike).getExecutor();
  if (adapter['supportsTransactionalDdl'] && adapter['supportsReturning']) return;
  throw new TransactionUnsupportedError(
    'Kysely is supported on PostgreSQL only. For MySQL use another library.',
  );
}
