import type { SqlExecutor } from '@acme/nest-transaction';
import { OptionsCheck, show } from '@acme/nest-message-context/kit';
import type { PgListenerFactory } from '../../wakeup/pg-listener-like.js';
import { executorOf, type SqlStoreKind } from '../sql/sql-store-options.js';

/** Options of `PostgresOutboxStore`. */
export interface PostgresOutboxStoreOptions {
  /**
   * Where the relay gets its connections: a pg `Pool`, or any other handle or pool that `sqlOf()` of
   * `@acme/nest-transaction` accepts, or a `SqlExecutor`. It stays its owner's: nobody closes it here.
   */
  readonly database: unknown;
  /**
   * Schema of the tables, for when it is not in the search path.
   * @default the first schema of the search path
   */
  readonly schema?: string | undefined;
  /**
   * Whether `prepare` creates and upgrades the tables. Without it they have to be there: `migrate()` is what a deployment
   * step calls, with a role that may create tables.
   * @default true
   */
  readonly migrate?: boolean | undefined;
  /**
   * Opens a connection on which the relay hears at once what other processes have committed:
   * `async () => { const client = new pg.Client(url); await client.connect(); return client; }`. Not through PgBouncer in
   * transaction mode, which cannot listen. Every process of the service needs it, since those that have it also tell: after a
   * commit, at most every 25 ms, in a statement of its own on `database`. It is opened where the relay runs, and closed with
   * the application. Without it the relays of other processes find a message when they poll.
   */
  readonly listen?: PgListenerFactory | undefined;
}

const KIND: SqlStoreKind = {
  store: 'PostgresOutboxStore',
  needs: 'PostgreSQL',
  dialect: 'postgres',
  schema: /^[A-Za-z_][\w$]*$/,
  options: ['listen'],
};

/** @throws {OutboxConfigurationError} when the options make no store */
export function databaseOf(options: PostgresOutboxStoreOptions): SqlExecutor {
  const { listen } = (options as PostgresOutboxStoreOptions | undefined) ?? {};
  const check = new OptionsCheck();
  if (listen !== undefined && typeof listen !== 'function')
    check.problems.push(
      `store.listen: ${show(listen)} is no function. Give one that opens a connection of its own: async () => { const client = new pg.Client(url); await client.connect(); return client; }`,
    );
  return executorOf(options, KIND, check);
}
