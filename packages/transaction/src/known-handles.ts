import { drizzleHandle } from './adapters/drizzle.js';
import { knexHandle } from './adapters/knex.js';
import { kyselyHandle } from './adapters/kysely.js';
import { mariadbHandle } from './adapters/mariadb.js';
import { mikroOrmHandle } from './adapters/mikro-orm.js';
import { mysql2Handle } from './adapters/mysql2.js';
import { pgHandle } from './adapters/pg.js';
import { pgliteHandle } from './adapters/pglite.js';
import { postgresJsHandle } from './adapters/postgres-js.js';
import { prismaHandle } from './adapters/prisma.js';
import { sequelizeHandle } from './adapters/sequelize.js';
import { typeOrmHandle } from './adapters/typeorm.js';
import type { KnownHandle } from './known-handle.js';

/** Every kind of handle. Prisma first: its client is a proxy that answers to any name but symbols. */
export const KNOWN_HANDLES: readonly KnownHandle<never>[] = [
  prismaHandle,
  typeOrmHandle,
  mikroOrmHandle,
  drizzleHandle,
  kyselyHandle,
  knexHandle,
  sequelizeHandle,
  postgresJsHandle,
  pgliteHandle,
  pgHandle,
  mariadbHandle,
  mysql2Handle,
];
