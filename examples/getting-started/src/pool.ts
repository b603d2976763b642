import { Logger } from '@nestjs/common';
import { Pool } from 'pg';

export function openPool(databaseUrl: string): Pool {
  // #region pool
  const pool = new Pool({ connectionString: databaseUrl });
  // An idle connection that dies emits `error`; without a listener that ends the process.
  pool.on('error', (error) => new Logger(Pool.name).warn(error.message));
  // #endregion
  return pool;
}
