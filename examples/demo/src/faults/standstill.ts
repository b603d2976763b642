import type { Pool } from 'pg';
import { until, type Patience } from '../until.js';

/**
 * Brings inserts into a table to a standstill, so that a service can be met in the middle of its work and not, by chance,
 * between two messages.
 */
export async function standstill(
  pool: Pool,
  table: string,
  patience: Patience,
): Promise<{
  /** Resolves when somebody's insert is held up. */
  reached(): Promise<void>;
  end(): Promise<void>;
}> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query(`set local lock_timeout = '10s'`);
    await client.query(`lock table ${table} in share mode`);
  } catch (error) {
    client.release(true);
    throw error;
  }
  return {
    reached: async () => {
      await until(
        async () => {
          const { rowCount } = await pool.query(
            'select 1 from pg_locks where relation = $1::regclass and not granted',
            [table],
          );
          return rowCount;
        },
        { what: `an insert into ${table} that can be interrupted`, ...patience },
      );
    },
    end: async () => {
      await client.query('rollback').finally(() => client.release());
    },
  };
}
