// What a service would give to `--config`.
import { PostgresIdempotencyStore } from '@acme/nest-idempotency';
import pg from 'pg';

export default async () => {
  const pool = new pg.Pool({ connectionString: process.env.DATABASE });
  const store = new PostgresIdempotencyStore({ database: pool, schema: process.env.SCHEMA });
  return { store, namespace: 'billing', close: () => pool.end() };
};
