import { readFile } from 'node:fs/promises';
import type { Pool } from 'pg';

/**
 * Runs a service's schema file. The file creates only what is missing; the lock keeps two instances that start together
 * from creating the same thing at once, which `if not exists` alone does not.
 */
export async function applySchema(pool: Pool, file: string): Promise<void> {
  const statements = await readFile(file, 'utf8');
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query(`select pg_advisory_xact_lock(hashtext('apply-schema ' || current_schema()))`);
    await client.query(statements);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  } finally {
    client.release();
  }
}
