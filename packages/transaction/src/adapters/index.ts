export { fromDrizzle } from './drizzle.js';
export type { DrizzleLike, DrizzleQueryableLike } from './drizzle.js';
export { fromKnex } from './knex.js';
export type { KnexLike, KnexQueryableLike } from './knex.js';
export { fromKysely } from './kysely.js';
export type { KyselyLike, KyselyQueryableLike, KyselyTransactionBuilderLike } from './kysely.js';
export { fromMariadb } from './mariadb.js';
export type { MariadbConnectionLike, MariadbPoolLike, MariadbQueryableLike } from './mariadb.js';
export { fromMikroOrm } from './mikro-orm.js';
export type { MikroOrmEntityManagerLike } from './mikro-orm.js';
export { fromMysql2 } from './mysql2.js';
export type {
  Mysql2CallbackLike,
  Mysql2ConnectionLike,
  Mysql2PoolLike,
  Mysql2QueryableLike,
} from './mysql2.js';
export { fromPg } from './pg.js';
export type { PgClientLike, PgPoolClientLike, PgPoolLike } from './pg.js';
export { fromPglite } from './pglite.js';
export type { PgliteLike, PgliteQueryableLike } from './pglite.js';
export { fromPostgresJs } from './postgres-js.js';
export type { PostgresJsLike, PostgresJsQueryableLike } from './postgres-js.js';
export { fromPrisma } from './prisma.js';
export type { PrismaClientLike, PrismaQueryableLike, PrismaTransactionLimits } from './prisma.js';
export { fromSequelize } from './sequelize.js';
export type { SequelizeLike, SequelizeTransactionLike } from './sequelize.js';
export { fromTransactionHost } from './transaction-host.js';
export type { TransactionHostOptions } from './transaction-host.js';
export { fromTypeOrm } from './typeorm.js';
export type {
  TypeOrmDataSourceLike,
  TypeOrmManagerLike,
  TypeOrmQueryRunnerLike,
  TypeOrmResultLike,
} from './typeorm.js';
