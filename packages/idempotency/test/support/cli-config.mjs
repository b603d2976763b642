// #region config
import { PostgresIdempotencyStore } from '@acme/nest-idempotency';
import pg from 'pg';

export default () => {
  const { DATABASE_URL, IDEMPOTENCY_SCHEMA } = process.env;
  const pool = new pg.Pool({ connectionString: DATABASE_URL });
  const store = new PostgresIdempotencyStore({ database: pool, schema: IDEMPOTENCY_SCHEMA });
  return { store, namespace: 'billing', close: () => pool.end() };
};
// #endregion
