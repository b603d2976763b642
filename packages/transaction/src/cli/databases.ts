/** Loads the first of these packages that the user's project has, and throws when it has none. */
export type DriversLike = (...names: readonly string[]) => {
  readonly name: string;
  readonly exports: object;
};

/** A pool of one connection, opened with a driver of the user's project. */
export interface OpenDatabase {
  /** What `sqlOf()` takes. */
  readonly database: object;
  readonly close: () => Promise<void>;
}

interface PgLike {
  readonly Pool: new (options: object) => {
    on(event: 'error', listener: () => void): unknown;
    end(): Promise<void>;
  };
}

/** By the `pg` of the project. @throws what `drivers` throws when it has none */
export function openPostgres(url: string, drivers: DriversLike, program: string): OpenDatabase {
  const { Pool } = drivers('pg').exports as PgLike;
  const pool = new Pool({
    connectionString: url,
    max: 1,
    connectionTimeoutMillis: 10_000,
    application_name: program,
  });
  // A connection that breaks while nothing runs; the next statement tells.
  pool.on('error', () => {});
  return { database: pool, close: () => pool.end() };
}

/** What both libraries call the same. */
interface Settings {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string | undefined;
  readonly connectionLimit: number;
  readonly connectTimeout: number;
}

interface Mysql2Like {
  createPool(settings: Settings): { promise(): { end(): Promise<void> } };
}

interface MariaDbLike {
  createPool(settings: Settings): { end(): Promise<void> };
}

/** By the `mysql2` or `mariadb` of the project. @throws what `drivers` throws when it has neither */
export function openMariaDb(url: string, drivers: DriversLike): OpenDatabase {
  const { name, exports } = drivers('mysql2', 'mariadb');
  const settings = settingsOf(new URL(url));
  const pool =
    name === 'mariadb'
      ? (exports as MariaDbLike).createPool(settings)
      : (exports as Mysql2Like).createPool(settings).promise();
  return { database: pool, close: () => pool.end() };
}

function settingsOf({ hostname, port, username, password, pathname }: URL): Settings {
  const database = decodeURIComponent(pathname.slice(1));
  return {
    host: hostname,
    port: Number(port || 3306),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: database === '' ? undefined : database,
    connectionLimit: 1,
    connectTimeout: 10_000,
  };
}
