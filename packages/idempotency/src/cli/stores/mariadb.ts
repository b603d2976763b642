import { MariaDbIdempotencyStore } from '../../stores/mariadb/mariadb.store.js';
import type { Scheme } from './schemes.js';

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

export const MARIADB: Scheme = {
  options: ['schema', 'table'],

  async open(url, { schema, table }, drivers) {
    const { name, exports } = drivers('mysql2', 'mariadb');
    const settings = settingsOf(new URL(url));
    const open = (): { database: object; close(): Promise<void> } => {
      if (name === 'mariadb') {
        const pool = (exports as MariaDbLike).createPool(settings);
        return { database: pool, close: () => pool.end() };
      }
      const pool = (exports as Mysql2Like).createPool(settings).promise();
      return { database: pool, close: () => pool.end() };
    };
    const opened = open();
    const store = new MariaDbIdempotencyStore({ database: opened.database, schema, table });
    return { store, close: () => opened.close() };
  },

  unconnected: ({ schema, table }) => new MariaDbIdempotencyStore({ schema, table }),
};

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
