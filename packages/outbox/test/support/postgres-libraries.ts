import { fileURLToPath, pathToFileURL } from 'node:url';
import { generatePrismaClient, type Address } from '@acme/internal-testing';
import {
  fromDrizzle,
  fromKnex,
  fromKysely,
  fromMikroOrm,
  fromPg,
  fromPglite,
  fromPostgresJs,
  fromPrisma,
  fromSequelize,
  fromTypeOrm,
} from '@acme/nest-transaction';
import { PGlite } from '@electric-sql/pglite';
import { MikroORM } from '@mikro-orm/postgresql';
import { PrismaPg } from '@prisma/adapter-pg';
import { drizzle } from 'drizzle-orm/node-postgres';
import knexFactory from 'knex';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import postgres from 'postgres';
import { Sequelize } from 'sequelize';
import { DataSource } from 'typeorm';

/** Where a library connects. */
export interface Place extends Address {
  readonly schema: string;
}

/** A library with which services of ours write to PostgreSQL. */
export interface Library {
  /** For `TransactionModule`. */
  readonly adapter: unknown;
  /** What the store gets for the relay. */
  readonly database: unknown;
  /** A transaction as the library itself opens one; it fails when `work` does. */
  transaction(work: (tx: unknown) => Promise<void>): Promise<unknown>;
  close(): Promise<unknown>;
}

interface GeneratedClient {
  $transaction(work: (tx: unknown) => Promise<void>): Promise<unknown>;
  $disconnect(): Promise<void>;
}

async function pgTransaction(pool: pg.Pool, work: (tx: unknown) => Promise<void>): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await work(client);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}

/** All that `@acme/nest-transaction` has an adapter for. */
export const POSTGRES_LIBRARIES: Record<string, (place: Place) => Promise<Library> | Library> = {
  pg: ({ url }) => {
    const pool = new pg.Pool({ connectionString: url });
    return {
      adapter: fromPg(pool),
      database: pool,
      transaction: (work) => pgTransaction(pool, work),
      close: () => pool.end(),
    };
  },

  'postgres.js': ({ url }) => {
    const sql = postgres(url, { onnotice: () => undefined });
    return {
      adapter: fromPostgresJs(sql),
      database: sql,
      transaction: (work) => sql.begin(work),
      close: () => sql.end(),
    };
  },

  PGlite: async () => {
    const pglite = await PGlite.create();
    return {
      adapter: fromPglite(pglite),
      database: pglite,
      transaction: (work) => pglite.transaction(work),
      close: () => pglite.close(),
    };
  },

  Drizzle: ({ url }) => {
    const pool = new pg.Pool({ connectionString: url });
    const db = drizzle(pool);
    return {
      adapter: fromDrizzle(db),
      database: db,
      transaction: (work) => db.transaction(work),
      close: () => pool.end(),
    };
  },

  Kysely: ({ url }) => {
    const pool = new pg.Pool({ connectionString: url });
    const db = new Kysely({ dialect: new PostgresDialect({ pool }) });
    return {
      adapter: fromKysely(db),
      database: db,
      transaction: (work) => db.transaction().execute(work),
      close: () => db.destroy(),
    };
  },

  Knex: ({ url }) => {
    const connection = { connectionString: url };
    const knex = knexFactory({ client: 'pg', connection, pool: { min: 0 } });
    return {
      adapter: fromKnex(knex),
      database: knex,
      transaction: (work) => knex.transaction(work),
      close: () => knex.destroy(),
    };
  },

  TypeORM: async ({ host, port, user: username, password, database, schema, options }) => {
    const at = { host, port, username, password, database, schema, extra: { options } };
    const source = new DataSource({ type: 'postgres', ...at });
    await source.initialize();
    return {
      adapter: fromTypeOrm(source),
      database: source,
      transaction: (work) => source.transaction(work),
      close: () => source.destroy(),
    };
  },

  MikroORM: async ({ host, port, user, password, database, options }) => {
    const orm = await MikroORM.init({
      host,
      port,
      user,
      password,
      dbName: database,
      entities: [],
      discovery: { warnWhenNoEntities: false },
      allowGlobalContext: true,
      driverOptions: { connection: { options } },
      pool: { min: 0 },
    });
    return {
      adapter: fromMikroOrm(orm),
      database: orm.em,
      transaction: (work) => orm.em.transactional(work),
      close: () => orm.close(),
    };
  },

  Sequelize: ({ host, port, user, password, database, options }) => {
    const sequelize = new Sequelize(database, user, password, {
      dialect: 'postgres',
      host,
      port,
      logging: false,
      dialectOptions: { options },
    });
    return {
      adapter: fromSequelize(sequelize),
      database: sequelize,
      transaction: (work) => sequelize.transaction(work),
      close: () => sequelize.close(),
    };
  },

  Prisma: async ({ url, schema }) => {
    const folder = fileURLToPath(new URL('../.cache/prisma', import.meta.url));
    const file = await generatePrismaClient(folder, { model: 'Effect', table: 'effects' });
    const { PrismaClient } = (await import(pathToFileURL(file).href)) as {
      PrismaClient: new (options: object) => GeneratedClient;
    };
    const client = new PrismaClient({
      adapter: new PrismaPg({ connectionString: url }, { schema }),
    });
    return {
      adapter: fromPrisma(client as never),
      database: client,
      transaction: (work) => client.$transaction(work),
      close: () => client.$disconnect(),
    };
  },
};
