import type { Drivers, Schemes } from '@acme/nest-message-context/cli';
import type { IdempotencyStore, SqlIdempotencyStore } from '../../core/store.js';
import type { Values } from '../options.js';
import { MARIADB } from './mariadb.js';
import { POSTGRES } from './postgres.js';
import { REDIS } from './redis.js';

/** Options that say how a store is named in its database. */
export const STORE_OPTIONS = ['schema', 'table', 'prefix'] as const;

type StoreOptions = Pick<Values, (typeof STORE_OPTIONS)[number]>;

/** How the stores of one kind of URL are opened. */
export interface Scheme {
  readonly options: readonly (typeof STORE_OPTIONS)[number][];
  /** Opens one with a driver from the user's project. */
  open(
    url: string,
    options: StoreOptions,
    drivers: Drivers,
  ): Promise<{ readonly store: IdempotencyStore; close(): Promise<void> }>;
  /** One that knows its SQL and no database; missing where there is no SQL. */
  readonly unconnected?: (options: StoreOptions) => SqlIdempotencyStore;
}

/** The whole of what `--url` may begin with. */
export const SCHEMES: Schemes<Scheme> = {
  postgres: POSTGRES,
  postgresql: POSTGRES,
  mariadb: MARIADB,
  mysql: MARIADB,
  redis: REDIS,
  rediss: REDIS,
};
