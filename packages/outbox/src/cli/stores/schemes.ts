import type { Drivers, Schemes } from '@acme/nest-message-context/cli';
import { openMariaDb, openPostgres } from '@acme/nest-transaction/cli';
import type { SqlOutboxStore } from '../../contracts/sql-outbox-store.js';
import { MariaDbOutboxStore } from '../../stores/mariadb/mariadb.store.js';
import { PostgresOutboxStore } from '../../stores/postgres/postgres.store.js';
import type { Values } from '../options.js';

/** Options that say how a store is named in its database. */
export const STORE_OPTIONS = ['schema'] as const;

type StoreOptions = Pick<Values, (typeof STORE_OPTIONS)[number]>;

/** How the stores of one kind of URL are opened. */
export interface Scheme {
  readonly options: typeof STORE_OPTIONS;
  /** Opens one with a driver from the user's project. It never migrates by itself. */
  open(
    url: string,
    options: StoreOptions,
    drivers: Drivers,
  ): { readonly store: SqlOutboxStore; readonly close: () => Promise<void> };
  /** One that knows its SQL and no database. */
  readonly unconnected: (options: StoreOptions) => SqlOutboxStore;
}

const POSTGRES: Scheme = {
  options: STORE_OPTIONS,

  open(url, { schema }, drivers) {
    const { database, close } = openPostgres(url, drivers, 'nest-outbox');
    return { store: new PostgresOutboxStore({ database, schema, migrate: false }), close };
  },

  unconnected: ({ schema }) =>
    new PostgresOutboxStore({
      schema,
      database: { dialect: 'postgres', query: noDatabase },
    }),
};

const MARIADB: Scheme = {
  options: STORE_OPTIONS,

  open(url, { schema }, drivers) {
    const { database, close } = openMariaDb(url, drivers);
    return { store: new MariaDbOutboxStore({ database, schema, migrate: false }), close };
  },

  unconnected: ({ schema }) =>
    new MariaDbOutboxStore({ schema, database: { dialect: 'mysql', query: noDatabase } }),
};

const noDatabase = (): Promise<never> => Promise.reject(new Error('This store has no database.'));

/** The whole of what `--url` may begin with. */
export const SCHEMES: Schemes<Scheme> = {
  postgres: POSTGRES,
  postgresql: POSTGRES,
  mariadb: MARIADB,
  mysql: MARIADB,
};
