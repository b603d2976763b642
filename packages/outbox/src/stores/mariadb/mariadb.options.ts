import type { SqlExecutor } from '@acme/nest-transaction';
import { executorOf } from '../sql/sql-store-options.js';

/** Options of `MariaDbOutboxStore`. */
export interface MariaDbOutboxStoreOptions {
  /**
   * Where the relay gets its connections: a pool of `mysql2` or `mariadb`, or any other handle or pool that `sqlOf()` of
   * `@acme/nest-transaction` accepts, or a `SqlExecutor`. It stays its owner's: nobody closes it here.
   */
  readonly database: unknown;
  /**
   * The database (in MariaDB the same as a schema) of the tables; created by `migrate()` when it is not there.
   * @default the one that the connection uses
   */
  readonly schema?: string | undefined;
  /**
   * Whether `prepare` creates and upgrades the tables. Without it they have to be there: `migrate()` is what a deployment
   * step calls, with a user that may create tables.
   * @default true
   */
  readonly migrate?: boolean | undefined;
}

const KIND = {
  store: 'MariaDbOutboxStore',
  needs: 'MariaDB',
  dialect: 'mysql',
  schema: /^[A-Za-z_]\w{0,63}$/,
} as const;

/** @throws {OutboxConfigurationError} when the options make no store */
export const databaseOf = (options: MariaDbOutboxStoreOptions): SqlExecutor =>
  executorOf(options, KIND);
