import { PostgresIdempotencyStore } from '../../stores/postgres/postgres.store.js';
import type { Scheme } from './schemes.js';

interface PgLike {
  readonly Pool: new (options: object) => {
    on(event: 'error', listener: () => void): unknown;
    end(): Promise<void>;
  };
}

export const POSTGRES: Scheme = {
  options: ['schema', 'table'],

  async open(url, { schema, table }, drivers) {
    const { Pool } = drivers('pg').exports as PgLike;
    const pool = new Pool({
      connectionString: url,
      max: 1,
      connectionTimeoutMillis: 10_000,
      application_name: 'nest-idempotency',
    });
    // A connection that breaks while nothing runs; the next statement tells.
    pool.on('error', () => {});
    const store = new PostgresIdempotencyStore({ database: pool, schema, table });
    return { store, close: () => pool.end() };
  },

  unconnected: ({ schema, table }) => new PostgresIdempotencyStore({ schema, table }),
};
