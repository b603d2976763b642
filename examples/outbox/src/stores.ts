import { PostgresOutboxStore } from '@acme/nest-outbox';
import type { Pool } from 'pg';

/** For a service that may not create tables: somebody else has done so. */
export function storeOfService(pool: Pool, schema: string): PostgresOutboxStore {
  // #region no-migrate
  const store = new PostgresOutboxStore({ database: pool, schema, migrate: false });
  // #endregion
  return store;
}
