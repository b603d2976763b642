import 'reflect-metadata';
import { PGlite } from '@electric-sql/pglite';
import { addressOf, testDatabase, testMariaDatabase } from '@acme/internal-testing';
import { sqlOf, TransactionRequiredError } from '@acme/nest-transaction';
import { MikroORM } from '@mikro-orm/postgresql';
import { drizzle } from 'drizzle-orm/node-postgres';
import knexFactory from 'knex';
import { Kysely, PostgresDialect } from 'kysely';
import * as mariadb from 'mariadb';
import * as mysql2 from 'mysql2';
import { Client, Pool } from 'pg';
import postgres from 'postgres';
import { Sequelize } from 'sequelize';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

interface Handle {
  readonly handle: unknown;
  close(): Promise<unknown>;
}

let url: string;
let mariaUrl: string;
let pglite: PGlite | undefined;

beforeAll(async () => {
  url = (await testDatabase()).url;
  mariaUrl = (await testMariaDatabase()).url;
  // Here and not in a test: compiling it is by far the slowest thing in this file.
  pglite = await PGlite.create();
});

afterAll(() => pglite?.close());

const callback = (run: (done: (error: unknown) => void) => void): Promise<void> =>
  new Promise((resolve, reject) => run((error) => (error ? reject(error as Error) : resolve())));

const OUTSIDE: Record<string, () => Promise<Handle>> = {
  'a pg Pool': async () => {
    const pool = new Pool({ connectionString: url });
    return { handle: pool, close: () => pool.end() };
  },
  'a pg Client': async () => {
    const client = new Client({ connectionString: url });
    await client.connect();
    return { handle: client, close: () => client.end() };
  },
  'a pg Client that cannot tell its state': async () => {
    const client = new Client({ connectionString: url });
    await client.connect();
    return {
      handle: Object.assign(client, { getTransactionStatus: undefined }),
      close: () => client.end(),
    };
  },
  'a PGlite': async () => {
    return { handle: pglite, close: async () => undefined };
  },
  'a postgres.js Sql': async () => {
    const sql = postgres(url, { max: 1 });
    return { handle: sql, close: () => sql.end() };
  },
  'a TypeORM DataSource': async () => {
    const dataSource = await new DataSource({ type: 'postgres', url }).initialize();
    return { handle: dataSource, close: () => dataSource.destroy() };
  },
  'a TypeORM EntityManager': async () => {
    const dataSource = await new DataSource({ type: 'postgres', url }).initialize();
    return { handle: dataSource.manager, close: () => dataSource.destroy() };
  },
  'a TypeORM QueryRunner': async () => {
    const dataSource = await new DataSource({ type: 'postgres', url }).initialize();
    const handle = dataSource.createQueryRunner();
    return { handle, close: () => handle.release().then(() => dataSource.destroy()) };
  },
  'a Drizzle database': async () => {
    const pool = new Pool({ connectionString: url });
    return { handle: drizzle(pool), close: () => pool.end() };
  },
  'a Kysely': async () => {
    const pool = new Pool({ connectionString: url });
    const db = new Kysely<never>({ dialect: new PostgresDialect({ pool }) });
    return { handle: db, close: () => db.destroy() };
  },
  'a Knex': async () => {
    const knex = knexFactory({ client: 'pg', connection: { connectionString: url } });
    return { handle: knex, close: () => knex.destroy() };
  },
  'a MikroORM EntityManager': async () => {
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
    return { handle: orm.em.fork(), close: () => orm.close() };
  },
  'a Sequelize': async () => {
    const { host, port, user, password, database } = addressOf(url);
    const options = { dialect: 'postgres' as const, host, port, logging: false as const };
    const sequelize = new Sequelize(database, user, password, options);
    return { handle: sequelize, close: () => sequelize.close() };
  },
  'a mysql2 promise Pool': async () => {
    const pool = mysql2.createPool({ uri: mariaUrl });
    return { handle: pool.promise(), close: () => pool.promise().end() };
  },
  'a mysql2 callback Pool': async () => {
    const pool = mysql2.createPool({ uri: mariaUrl });
    return { handle: pool, close: () => callback((done) => pool.end(done)) };
  },
  'a mysql2 callback Connection': async () => {
    const connection = mysql2.createConnection({ uri: mariaUrl });
    return { handle: connection, close: () => callback((done) => connection.end(done)) };
  },
  'a mariadb Pool': async () => {
    const { host, port, user, password, database } = addressOf(mariaUrl);
    const pool = mariadb.createPool({ host, port, user, password, database });
    return { handle: pool, close: () => pool.end() };
  },
  'a mariadb Connection': async () => {
    const { host, port, user, password, database } = addressOf(mariaUrl);
    const connection = await mariadb.createConnection({ host, port, user, password, database });
    return { handle: connection, close: () => connection.end() };
  },
};

describe('sqlOf', () => {
  it.each(Object.keys(OUTSIDE))('runs statements on %s, outside a transaction', async (name) => {
    const { handle, close } = await OUTSIDE[name]!();
    const { rows, rowCount } = await sqlOf(handle).query('select 1 as one');
    expect({ rows, rowCount }).toEqual({ rows: [{ one: 1 }], rowCount: 1 });
    await close();
  });

  it.each(Object.keys(OUTSIDE))('refuses %s where a transaction is required', async (name) => {
    const { handle, close } = await OUTSIDE[name]!();
    const query = async () => sqlOf(handle, { inTransaction: true }).query('select 1 as one');
    await expect(query()).rejects.toThrow(TransactionRequiredError);
    await close();
  });

  it.each(['a pg Client', 'a pg Client that cannot tell its state'])(
    'accepts %s between begin and commit only',
    async (name) => {
      const { handle, close } = await OUTSIDE[name]!();
      const client = handle as Client;
      const query = async () => sqlOf(client, { inTransaction: true }).query('select 1 as one');
      await client.query('begin');
      expect((await query()).rows).toEqual([{ one: 1 }]);
      await client.query('commit');
      await expect(query()).rejects.toThrow(TransactionRequiredError);
      await close();
    },
  );

  it('accepts a mysql2 Connection between begin and commit only', async () => {
    const { handle, close } = await OUTSIDE['a mysql2 callback Connection']!();
    const connection = (handle as mysql2.Connection).promise();
    const query = async () => sqlOf(connection, { inTransaction: true }).query('select 1 as one');
    await connection.beginTransaction();
    expect((await query()).rows).toEqual([{ one: 1 }]);
    await connection.commit();
    await expect(query()).rejects.toThrow(TransactionRequiredError);
    await close();
  });
});
