import { Global, Logger, Module, type OnApplicationShutdown } from '@nestjs/common';
import { applySchema } from '@shop/platform';
import { fileURLToPath } from 'node:url';
import { Pool } from 'pg';
import { config } from './config.js';

/** The pool, with the tables in place. */
@Global()
@Module({
  providers: [{ provide: Pool, useFactory: openPool }],
  exports: [Pool],
})
export class DatabaseModule implements OnApplicationShutdown {
  constructor(private readonly pool: Pool) {}

  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
  }
}

async function openPool(): Promise<Pool> {
  const pool = new Pool({
    connectionString: config.DATABASE_URL,
    options: `-c search_path=${config.DATABASE_SCHEMA}`,
    // Every message in work holds a connection for its transaction; the outbox needs some too.
    max: config.PREFETCH + 5,
  });
  // An idle connection that dies emits `error`; without a listener that ends the process.
  pool.on('error', (error) => new Logger(Pool.name).warn(error.message));
  await applySchema(
    pool,
    config.DATABASE_SCHEMA,
    fileURLToPath(new URL('../sql/schema.sql', import.meta.url)),
  );
  return pool;
}
