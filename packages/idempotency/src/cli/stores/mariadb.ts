import { openMariaDb } from '@acme/nest-transaction/cli';
import { MariaDbIdempotencyStore } from '../../stores/mariadb/mariadb.store.js';
import type { Scheme } from './schemes.js';

export const MARIADB: Scheme = {
  options: ['schema', 'table'],

  async open(url, { schema, table }, drivers) {
    const { database, close } = openMariaDb(url, drivers);
    return { store: new MariaDbIdempotencyStore({ database, schema, table }), close };
  },

  unconnected: ({ schema, table }) => new MariaDbIdempotencyStore({ schema, table }),
};
