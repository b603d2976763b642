import { hasMethods, type KnownHandle } from '../known-handle.js';
import type { SqlDialect, SqlExecutor, SqlResult } from '../sql-executor.js';
import { toParams } from '../sql-params.js';
import type { TransactionAdapter } from '../transaction-adapter.js';
import { TransactionUnsupportedError } from '../transaction.errors.js';
import { assertMysqlOpen } from './mysql2.js';
import { assertPgOpen, type PgClientLike } from './pg.js';

/** The part of a TypeORM `QueryRunner` that is used. */
export interface TypeOrmQueryRunnerLike {
  readonly isTransactionActive: boolean;
  connect(): Promise<unknown>;
  query(sql: string, params: unknown[], structured: true): Promise<TypeOrmResultLike>;
  release(): Promise<void>;
}

/** TypeORM's `QueryResult`. */
export interface TypeOrmResultLike {
  /** Missing for a statement that returns none. */
  readonly records?: unknown[];
  readonly affected?: number | null;
}

/** The part of a TypeORM `EntityManager` that is used. */
export interface TypeOrmManagerLike {
  /** Set on the manager of a transaction only. */
  readonly queryRunner?: TypeOrmQueryRunnerLike;
}

/** The part of a TypeORM `DataSource` that is used. */
export interface TypeOrmDataSourceLike<Manager extends TypeOrmManagerLike> {
  readonly options: { readonly type: string };
  transaction<R>(work: (manager: Manager) => Promise<R>): Promise<R>;
  transaction<R>(isolation: never, work: (manager: Manager) => Promise<R>): Promise<R>;
}

/**
 * Transactions through TypeORM, on PostgreSQL, MySQL or MariaDB. User code reaches the `EntityManager` with
 * `transactions.current<EntityManager>()`, or injects `transactionAware(transactions, dataSource.manager)`. A
 * repository injected with `@InjectRepository()` is bound to the pool: use `manager.getRepository()` or
 * `manager.withRepository()`.
 */
export function fromTypeOrm<Manager extends TypeOrmManagerLike = TypeOrmManagerLike>(
  dataSource: TypeOrmDataSourceLike<Manager>,
): TransactionAdapter<Manager> {
  return {
    library: 'TypeORM',
    dialect: dialectOf(dataSource),
    transaction: (work, { isolation }) =>
      isolation
        ? dataSource.transaction(isolation.toUpperCase() as never, work)
        : dataSource.transaction(work),
    beforeCommit: typeOrmHandle.assertOpen,
    sql: typeOrmHandle.executor,
  };
}

type Source = TypeOrmDataSourceLike<TypeOrmManagerLike> & {
  createQueryRunner(): TypeOrmQueryRunnerLike;
};

export const typeOrmHandle: KnownHandle = {
  accepts: 'a TypeORM DataSource, EntityManager or QueryRunner',
  recognise: (handle) => isQueryRunner(handle) || isManager(handle) || isDataSource(handle),
  inTransaction: (handle) => runnerOf(handle)?.isTransactionActive ?? false,
  executor: (handle): SqlExecutor => {
    const source = sourceOf(handle);
    const dialect = dialectOf(source);
    return {
      dialect,
      query: async <Row>(sql: string, params?: readonly unknown[]) => {
        const own = runnerOf(handle);
        const runner = own ?? source.createQueryRunner();
        try {
          return toResult<Row>(await runner.query(sql, toParams(params, dialect), true));
        } finally {
          if (!own) await runner.release();
        }
      },
    };
  },
  assertOpen: async (handle) => {
    const connection = await runnerOf(handle)?.connect();
    if (dialectOf(sourceOf(handle)) === 'mysql')
      await assertMysqlOpen('TypeORM', connection as object);
    else await assertPgOpen('TypeORM', connection as PgClientLike);
  },
};

function toResult<Row>({ records = [], affected }: TypeOrmResultLike): SqlResult<Row> {
  return { rows: records as Row[], rowCount: affected ?? records.length };
}

const isQueryRunner = (handle: object): boolean =>
  'isTransactionActive' in handle && hasMethods(handle, 'query', 'connect', 'startTransaction');
const isManager = (handle: object): boolean =>
  hasMethods(handle, 'query', 'getRepository', 'withRepository');
const isDataSource = (handle: object): boolean =>
  hasMethods(handle, 'query', 'createQueryRunner', 'getRepository');

function runnerOf(handle: object): TypeOrmQueryRunnerLike | undefined {
  return isQueryRunner(handle)
    ? (handle as TypeOrmQueryRunnerLike)
    : (handle as TypeOrmManagerLike).queryRunner;
}

function sourceOf(handle: object): Source {
  if (isDataSource(handle)) return handle as Source;
  // Called `connection` up to TypeORM 0.3.
  const { dataSource, connection } = handle as { dataSource?: Source; connection?: Source };
  return (dataSource ?? connection) as Source;
}

function dialectOf({ options: { type } }: { options: { type: string } }): SqlDialect {
  if (['postgres', 'aurora-postgres', 'cockroachdb'].includes(type)) return 'postgres';
  if (['mysql', 'mariadb', 'aurora-mysql'].includes(type)) return 'mysql';
  throw new TransactionUnsupportedError(
    `TypeORM on "${type}" is not supported: use postgres, mysql or mariadb.`,
  );
}
