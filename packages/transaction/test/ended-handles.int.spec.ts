import 'reflect-metadata';
import { PGlite } from '@electric-sql/pglite';
import { addressOf, testDatabase, testMariaDatabase } from '@acme/internal-testing';
import { sqlOf, TransactionRequiredError } from '@acme/nest-transaction';
import { MikroORM } from '@mikro-orm/postgresql';
import { PrismaPg } from '@prisma/adapter-pg';
import { drizzle as drizzleMysql } from 'drizzle-orm/mysql2';
import { drizzle as drizzlePg } from 'drizzle-orm/node-postgres';
import { drizzle as drizzlePglite } from 'drizzle-orm/pglite';
import { drizzle as drizzlePostgresJs } from 'drizzle-orm/postgres-js';
import knexFactory from 'knex';
import { Kysely, PostgresDialect } from 'kysely';
import { createPool } from 'mysql2/promise';
import { Pool } from 'pg';
import postgres from 'postgres';
import { Sequelize } from 'sequelize';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPrisma } from './support/prisma-client.js';

type Work = (handle: unknown) => Promise<void>;

interface Library {
  /** Opens a transaction as a user of the library does, and commits when `work` resolves. */
  transaction(work: Work): Promise<unknown>;
  close(): Promise<unknown>;
}

let url: string;
let schema: string;
let mariaUrl: string;
let pglite: PGlite;

beforeAll(async () => {
  ({ url, schema } = await testDatabase());
  mariaUrl = (await testMariaDatabase()).url;
  // Here and not in a test: compiling it is by far the slowest thing in this file.
  pglite = await PGlite.create();
});

afterAll(() => pglite.close());

const kyselyOn = (pool: Pool) => new Kysely<never>({ dialect: new PostgresDialect({ pool }) });

const LIBRARIES: Record<string, () => Promise<Library>> = {
  PGlite: async () => ({
    transaction: (work) => pglite.transaction(work),
    close: async () => undefined,
  }),
  'postgres.js': async () => {
    const sql = postgres(url, { max: 1, onnotice: () => undefined });
    return { transaction: (work) => sql.begin(work), close: () => sql.end() };
  },
  TypeORM: async () => {
    const dataSource = await new DataSource({ type: 'postgres', url }).initialize();
    return {
      transaction: (work) => dataSource.transaction(work),
      close: () => dataSource.destroy(),
    };
  },
  Prisma: async () => {
    const client = await openPrisma({
      adapter: new PrismaPg({ connectionString: url, max: 1 }, { schema }),
    });
    return {
      transaction: (work) => client.$transaction(work),
      close: () => client.$disconnect(),
    };
  },
  'Drizzle on pg': async () => {
    const pool = new Pool({ connectionString: url, max: 1 });
    return { transaction: (work) => drizzlePg(pool).transaction(work), close: () => pool.end() };
  },
  'Drizzle on postgres.js': async () => {
    const sql = postgres(url, { max: 1, onnotice: () => undefined });
    return {
      transaction: (work) => drizzlePostgresJs(sql).transaction(work),
      close: () => sql.end(),
    };
  },
  'Drizzle on PGlite': async () => ({
    transaction: (work) => drizzlePglite(pglite).transaction(work),
    close: async () => undefined,
  }),
  'Drizzle on mysql2': async () => {
    const pool = createPool({ uri: mariaUrl, connectionLimit: 1 });
    return {
      transaction: (work) => drizzleMysql(pool).transaction(work),
      close: () => pool.end(),
    };
  },
  Kysely: async () => {
    const db = kyselyOn(new Pool({ connectionString: url, max: 1 }));
    return {
      transaction: (work) => db.transaction().execute(work),
      close: () => db.destroy(),
    };
  },
  'a controlled transaction of Kysely': async () => {
    const db = kyselyOn(new Pool({ connectionString: url, max: 1 }));
    return {
      transaction: async (work) => {
        const trx = await db.startTransaction().execute();
        try {
          await work(trx);
          await trx.commit().execute();
        } catch (error) {
          await trx.rollback().execute();
          throw error;
        }
      },
      close: () => db.destroy(),
    };
  },
  Knex: async () => {
    const knex = knexFactory({ client: 'pg', connection: { connectionString: url } });
    return { transaction: (work) => knex.transaction(work), close: () => knex.destroy() };
  },
  MikroORM: async () => {
    const { host, port, user, password, database } = addressOf(url);
    const orm = await MikroORM.init({
      host,
      port,
      user,
      password,
      dbName: database,
      entities: [],
      discovery: { warnWhenNoEntities: false },
    });
    return {
      transaction: (work) => orm.em.fork().transactional(work),
      close: () => orm.close(),
    };
  },
  Sequelize: async () => {
    const { host, port, user, password, database } = addressOf(url);
    const options = { dialect: 'postgres' as const, host, port, logging: false as const };
    const sequelize = new Sequelize(database, user, password, options);
    return { transaction: (work) => sequelize.transaction(work), close: () => sequelize.close() };
  },
};

const query = async (handle: unknown) =>
  (await sqlOf(handle, { inTransaction: true }).query('select 1 as one')).rows;

describe('where a transaction is required', () => {
  it.each(Object.keys(LIBRARIES))(
    'a handle of %s is accepted until its transaction is committed',
    async (name) => {
      const library = await LIBRARIES[name]!();
      let kept: unknown;
      await library.transaction(async (handle) => {
        kept = handle;
        expect(await query(handle)).toEqual([{ one: 1 }]);
        // Asking leaves nothing behind that a second asking would trip over.
        expect(await query(handle)).toEqual([{ one: 1 }]);
      });
      await expect(query(kept)).rejects.toThrow(TransactionRequiredError);
      await library.close();
    },
  );

  it.each(Object.keys(LIBRARIES))(
    'a handle of %s is accepted until its transaction is rolled back',
    async (name) => {
      const library = await LIBRARIES[name]!();
      const failure = new Error('no');
      let kept: unknown;
      const lost = library.transaction(async (handle) => {
        kept = handle;
        await query(handle);
        throw failure;
      });
      await expect(lost).rejects.toThrow(failure);
      await expect(query(kept)).rejects.toThrow(TransactionRequiredError);
      await library.close();
    },
  );
});
