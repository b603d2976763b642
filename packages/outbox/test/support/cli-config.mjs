// #region config
import { PostgresOutboxStore } from '@acme/nest-outbox';
import pg from 'pg';

export default () => {
  const { DATABASE_URL, OUTBOX_SCHEMA } = process.env;
  const pool = new pg.Pool({ connectionString: DATABASE_URL });
  const store = new PostgresOutboxStore({ database: pool, schema: OUTBOX_SCHEMA, migrate: false });
  return { store, close: () => pool.end() };
};
// #endregion
