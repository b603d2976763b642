import { readFile } from 'node:fs/promises';
import type { Pool } from 'pg';

/**
 * Creates a service's schema, and the tables of its schema file in it. The file creates only what is missing; the lock keeps
 * two instances that start together from creating the same thing at once, which `if not exists` alone does not.
 *
 * @param schema a plain SQL name, checked by the configuration
 */
export async function applySchema(pool: Pool, schema: string, file: string): Promise<void> {
  const statements = await readFile(file, 'utf8');
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query('select pg_advisory_xact_lock(hashtext($1))', [`apply-schema ${schema}`]);
    await client.query(`create schema if not exists ${schema}`);
    await client.query(statements);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  } finally {
    client.release();
  }
}
