import { hasMethods, type KnownHandle } from '../known-handle.js';
import type { SqlDialect, SqlExecutor } from '../sql-executor.js';
import type { TransactionAdapter } from '../transaction-adapter.js';
import { TransactionEndedError, TransactionUnsupportedError } from '../transaction.errors.js';
import { assertMysqlOpen, mysql2Handle } from './mysql2.js';
import { assertPgOpen, type PgClientLike, pgHandle } from './pg.js';

/** The part of a Sequelize `Transaction` that is used. */
export interface SequelizeTransactionLike {
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/** The part of a `Sequelize` that is used. */
export interface SequelizeLike<Tx extends SequelizeTransactionLike> {
  getDialect(): string;
  transaction<R>(
    options: { isolationLevel?: never },
    work: (transaction: Tx) => PromiseLike<R>,
  ): Promise<R>;
  transaction(options?: { isolationLevel?: never }): Promise<Tx>;
}

/** What Sequelize's types leave out. */
interface OpenTransaction {
  readonly sequelize: { getDialect(): string };
  readonly connection?: object;
  readonly finished?: string;
}

interface Source {
  getDialect(): string;
  readonly connectionManager: {
    getConnection(options: object): Promise<object>;
    releaseConnection(connection: object): void;
  };
}

/**
 * Transactions through Sequelize 6, on PostgreSQL, MySQL or MariaDB with mysql2. User code gives
 * `transactions.current<Transaction>()` to every call: `Order.create(values, { transaction })`.
 */
export function fromSequelize<Tx extends SequelizeTransactionLike = SequelizeTransactionLike>(
  sequelize: SequelizeLike<Tx>,
): TransactionAdapter<Tx> {
  return {
    library: 'Sequelize',
    dialect: dialectOf(sequelize),
    transaction: (work, { isolation }) =>
      sequelize.transaction(
        isolation ? { isolationLevel: isolation.toUpperCase() as never } : {},
        work,
      ),
    beforeCommit: sequelizeHandle.assertOpen,
    sql: sequelizeHandle.executor,
  };
}

export const sequelizeHandle: KnownHandle = {
  accepts: 'a Sequelize or its Transaction',
  recognise: (handle) => isTransaction(handle) || hasMethods(handle, 'getDialect', 'transaction'),
  inTransaction: (handle) =>
    isTransaction(handle) && handle.connection !== undefined && handle.finished === undefined,
  executor: (handle): SqlExecutor => {
    const dialect = dialectOf(isTransaction(handle) ? handle.sequelize : (handle as Source));
    return {
      dialect,
      // The driver itself: sequelize.query() would repeat statements (`retry`) and shape rows by their text.
      query: (sql, params) =>
        withConnection(handle, (connection) =>
          dialect === 'mysql'
            ? mysql2Handle.executor(connection as never).query(sql, params)
            : pgHandle.executor(connection as PgClientLike).query(sql, params),
        ),
    };
  },
  assertOpen: (handle) =>
    withConnection(handle, async (connection) => {
      const { sequelize } = handle as OpenTransaction;
      if (dialectOf(sequelize) === 'mysql') await assertMysqlOpen('Sequelize', connection);
      else await assertPgOpen('Sequelize', connection as PgClientLike);
    }),
};

const isTransaction = (handle: object): handle is OpenTransaction =>
  'sequelize' in handle && hasMethods(handle, 'commit', 'rollback');

async function withConnection<R>(
  handle: object,
  use: (connection: object) => Promise<R>,
): Promise<R> {
  if (isTransaction(handle)) {
    // The connection may be in somebody else's hands by now.
    if (!handle.connection || handle.finished) {
      throw new TransactionEndedError(
        'This Sequelize transaction has ended. Await all work in it.',
      );
    }
    return use(handle.connection);
  }
  const { connectionManager } = handle as Source;
  const connection = await connectionManager.getConnection({});
  try {
    return await use(connection);
  } finally {
    connectionManager.releaseConnection(connection);
  }
}

function dialectOf(sequelize: { getDialect(): string }): SqlDialect {
  const dialect = sequelize.getDialect();
  if (dialect === 'postgres' || dialect === 'mysql') return dialect;
  throw new TransactionUnsupportedError(
    `Sequelize with "${dialect}" is not supported: use postgres, or mysql (also for MariaDB).`,
  );
}
