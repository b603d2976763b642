import type { IdempotencyStore, SqlIdempotencyStore } from '../../core/store.js';
import { usageError } from '../cli.errors.js';
import type { Values } from '../options.js';
import type { Drivers } from './drivers.js';
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
const SCHEMES: Readonly<Record<string, Scheme>> = {
  postgres: POSTGRES,
  postgresql: POSTGRES,
  mariadb: MARIADB,
  mysql: MARIADB,
  redis: REDIS,
  rediss: REDIS,
};

/** @throws {CliError} when nobody knows it */
export function schemeOf(url: string): Scheme {
  const name = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]?.toLowerCase();
  const scheme = name === undefined ? undefined : named(name);
  if (scheme) return scheme;
  const known = Object.keys(SCHEMES).map((one) => `${one}://`);
  throw usageError(
    `--url: ${name === undefined ? 'this is no URL' : `${name}:// is not known`}. Give one that begins with ${known.join(', ')}, or another store by --config.`,
  );
}

/** The kind of database of `--dialect`. @throws {CliError} when it has no SQL */
export function dialectOf(name: string): Scheme {
  const scheme = named(name);
  if (scheme?.unconnected) return scheme;
  const known = Object.keys(SCHEMES).filter((one) => SCHEMES[one]?.unconnected);
  throw usageError(
    `--dialect: ${JSON.stringify(name)} is not known. There are ${known.join(', ')}.`,
  );
}

const named = (name: string): Scheme | undefined =>
  Object.hasOwn(SCHEMES, name) ? SCHEMES[name] : undefined;
