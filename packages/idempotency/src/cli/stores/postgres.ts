import { openPostgres } from '@acme/nest-transaction/cli';
import { PostgresIdempotencyStore } from '../../stores/postgres/postgres.store.js';
import type { Scheme } from './schemes.js';

export const POSTGRES: Scheme = {
  options: ['schema', 'table'],

  async open(url, { schema, table }, drivers) {
    const { database, close } = openPostgres(url, drivers, 'nest-idempotency');
    return { store: new PostgresIdempotencyStore({ database, schema, table }), close };
  },

  unconnected: ({ schema, table }) => new PostgresIdempotencyStore({ schema, table }),
};
