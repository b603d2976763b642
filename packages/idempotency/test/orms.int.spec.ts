import 'reflect-metadata';
import { Module } from '@nestjs/common';
import {
  type Address,
  addressOf,
  generatePrismaClient,
  openContext,
  testDatabase,
  testMariaDatabase,
} from '@acme/internal-testing';
import {
  IdempotencyModule,
  IdempotencyService,
  MariaDbIdempotencyStore,
  PostgresIdempotencyStore,
} from '@acme/nest-idempotency';
import {
  fromDrizzle,
  fromKnex,
  fromKysely,
  fromMikroOrm,
  fromPostgresJs,
  fromPrisma,
  fromSequelize,
  fromTypeOrm,
  getTransactionsToken,
  sqlOf,
  TransactionModule,
  type SqlExecutor,
  type TransactionAdapter,
  type Transactions,
} from '@acme/nest-transaction';
import { MikroORM } from '@mikro-orm/postgresql';
import { PrismaPg } from '@prisma/adapter-pg';
import { drizzle as drizzleMysql } from 'drizzle-orm/mysql2';
import { drizzle as drizzlePg } from 'drizzle-orm/node-postgres';
import { sql as drizzleSql } from 'drizzle-orm';
import knexFactory, { type Knex } from 'knex';
import { Kysely, PostgresDialect, sql as kyselySql, type Transaction } from 'kysely';
import { createPool } from 'mysql2/promise';
import { Pool } from 'pg';
import postgres, { type Sql } from 'postgres';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Sequelize, type Transaction as SequelizeTransaction } from 'sequelize';
import { DataSource, type EntityManager } from 'typeorm';
import { beforeAll, describe, expect, it } from 'vitest';

interface Place extends Address {
  /** Of PostgreSQL. */
  readonly schema: string;
}

interface Library {
  readonly adapter: TransactionAdapter;
  /** The effect, in the transaction of that handle. */
  inside(handle: never, id: string): Promise<unknown>;
  /** The effect as somebody writes it who forgets the transaction: with the client that is injected. */
  outside(id: string): Promise<unknown>;
  close(): Promise<unknown>;
}

const effect = (id: string): string => `insert into effects (id) values ('${id}')`;

const knexOn = (knex: Knex): Library => ({
  adapter: fromKnex(knex) as TransactionAdapter,
  inside: (trx: Knex.Transaction, id: string) => trx.raw(effect(id)),
  outside: (id) => knex('effects').insert({ id }),
  close: () => knex.destroy(),
});

const typeOrmOn = async (dataSource: DataSource): Promise<Library> => {
  await dataSource.initialize();
  return {
    adapter: fromTypeOrm(dataSource) as TransactionAdapter,
    inside: (manager: EntityManager, id: string) => manager.query(effect(id)),
    outside: (id) => dataSource.query(effect(id)),
    close: () => dataSource.destroy(),
  };
};

const sequelizeOn = (sequelize: Sequelize): Library => ({
  adapter: fromSequelize(sequelize) as TransactionAdapter,
  inside: (transaction: SequelizeTransaction, id: string) =>
    sequelize.query(effect(id), { transaction }),
  outside: (id) => sequelize.query(effect(id)),
  close: () => sequelize.close(),
});

const onPostgres: Record<string, (address: Place) => Promise<Library> | Library> = {
  'postgres.js': ({ url }) => {
    const sql = postgres(url, { onnotice: () => undefined });
    return {
      adapter: fromPostgresJs(sql) as TransactionAdapter,
      inside: (tx: Sql, id: string) => tx`insert into effects (id) values (${id})`,
      outside: (id) => sql`insert into effects (id) values (${id})`,
      close: () => sql.end(),
    };
  },

  Drizzle: ({ url }) => {
    const pool = new Pool({ connectionString: url });
    const db = drizzlePg(pool);
    return {
      adapter: fromDrizzle(db) as TransactionAdapter,
      inside: (tx: typeof db, id: string) => tx.execute(drizzleSql.raw(effect(id))),
      outside: (id) => db.execute(drizzleSql.raw(effect(id))),
      close: () => pool.end(),
    };
  },

  Kysely: ({ url }) => {
    const db = new Kysely<{ effects: { id: string } }>({
      dialect: new PostgresDialect({ pool: new Pool({ connectionString: url }) }),
    });
    return {
      adapter: fromKysely(db) as TransactionAdapter,
      inside: (trx: Transaction<unknown>, id: string) => kyselySql.raw(effect(id)).execute(trx),
      outside: (id) => db.insertInto('effects').values({ id }).execute(),
      close: () => db.destroy(),
    };
  },

  Knex: ({ url }) =>
    knexOn(knexFactory({ client: 'pg', connection: { connectionString: url }, pool: { min: 0 } })),

  TypeORM: ({ host, port, user: username, password, database, schema, options }) => {
    const extra = { options };
    const at = { host, port, username, password, database, schema, extra };
    return typeOrmOn(new DataSource({ type: 'postgres', ...at }));
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
      adapter: fromMikroOrm(orm) as TransactionAdapter,
      inside: (em: typeof orm.em, id: string) => em.execute(effect(id)),
      outside: (id) => orm.em.execute(effect(id)),
      close: () => orm.close(),
    };
  },

  Sequelize: ({ host, port, user, password, database, options }) =>
    sequelizeOn(
      new Sequelize(database, user, password, {
        dialect: 'postgres',
        host,
        port,
        logging: false,
        dialectOptions: { options },
      }),
    ),

  Prisma: async ({ url, schema }) => {
    const folder = fileURLToPath(new URL('.cache/prisma', import.meta.url));
    const file = await generatePrismaClient(folder, { model: 'Effect', table: 'effects' });
    const { PrismaClient } = (await import(pathToFileURL(file).href)) as {
      PrismaClient: new (options: object) => GeneratedClient;
    };
    const client = new PrismaClient({
      adapter: new PrismaPg({ connectionString: url }, { schema }),
    });
    return {
      adapter: fromPrisma(client as never) as TransactionAdapter,
      inside: (tx: GeneratedClient, id: string) => tx.effect.create({ data: { id } }),
      outside: (id) => client.effect.create({ data: { id } }),
      close: () => client.$disconnect(),
    };
  },
};

interface GeneratedClient {
  readonly effect: { create(query: { data: { id: string } }): Promise<unknown> };
  $disconnect(): Promise<void>;
}

const onMariaDb: typeof onPostgres = {
  Drizzle: ({ url }) => {
    const pool = createPool({ uri: url });
    const db = drizzleMysql(pool);
    return {
      adapter: fromDrizzle(db) as TransactionAdapter,
      inside: (tx: typeof db, id: string) => tx.execute(drizzleSql.raw(effect(id))),
      outside: (id) => db.execute(drizzleSql.raw(effect(id))),
      close: () => pool.end(),
    };
  },

  Knex: ({ host, port, user, password, database }) => {
    const connection = { host, port, user, password, database };
    return knexOn(knexFactory({ client: 'mysql2', connection, pool: { min: 0 } }));
  },

  TypeORM: ({ host, port, user: username, password, database }) =>
    typeOrmOn(new DataSource({ type: 'mariadb', host, port, username, password, database })),

  Sequelize: ({ host, port, user, password, database }) =>
    sequelizeOn(
      new Sequelize(database, user, password, { dialect: 'mysql', host, port, logging: false }),
    ),
};

async function openOn(
  server: 'PostgreSQL' | 'MariaDB',
  open: (address: Place) => Promise<Library> | Library,
) {
  const database = await (server === 'PostgreSQL' ? testDatabase() : testMariaDatabase());
  const schema = 'schema' in database ? database.schema : '';
  const look: SqlExecutor = sqlOf(database.pool);
  await look.query('create table effects (id varchar(100) primary key)');
  const library = await open({ ...addressOf(database.url), schema });
  const store =
    server === 'PostgreSQL'
      ? new PostgresIdempotencyStore({ schema })
      : new MariaDbIdempotencyStore();
  @Module({
    imports: [
      TransactionModule.forRoot({ adapter: library.adapter }),
      IdempotencyModule.forRoot({ namespace: 'orms', store, migrate: true }),
    ],
  })
  class App {}
  const { app, close } = await openContext(App);
  const transactions = app.get<Transactions>(getTransactionsToken());
  return {
    service: app.get(IdempotencyService),
    inside: (id: string) => library.inside(transactions.current() as never, id),
    outside: async (id: string) => void (await library.outside(id)),
    effects: async () =>
      (await look.query<{ id: string }>('select id from effects')).rows.map(({ id }) => id),
    close: async () => {
      await close();
      await library.close();
    },
  };
}

/** Libraries that pass their transaction on by themselves: nothing slips past it. */
const AMBIENT = ['MikroORM'];

const libraries = [
  ...Object.entries(onPostgres).map((one) => ['PostgreSQL', ...one] as const),
  ...Object.entries(onMariaDb).map((one) => ['MariaDB', ...one] as const),
];

describe.each(libraries)('transaction mode on %s with %s', (server, library, open) => {
  let opened: Awaited<ReturnType<typeof openOn>>;
  const options = { name: 'n' };

  beforeAll(async () => {
    opened = await openOn(server, open);
    return () => opened.close();
  });

  const fails = (effect: (id: string) => Promise<unknown>, id: string): Promise<unknown> =>
    opened.service.run(
      id,
      () => effect(id).then(() => Promise.reject(new RangeError(id))),
      options,
    );

  it('has one effect, and none of a call that fails', async () => {
    const { service, inside, effects } = opened;
    const charge = async (): Promise<string> => {
      await inside('in');
      return 'charged';
    };
    expect(await service.run('in', charge, options)).toBe('charged');
    expect(await service.run('in', charge, options)).toBe('charged');
    await expect(fails(inside, 'undone')).rejects.toThrow(RangeError);
    expect(await effects()).toEqual(['in']);
  });

  const [joins, slips] = AMBIENT.includes(library) ? [['does'], []] : [[], ['an effect']];

  it.each(slips)('tells of %s that slips past it', async () => {
    const { service, outside } = opened;
    const slipping = service.run('out', () => outside('out'), options);
    await expect(slipping).rejects.toMatchObject({ code: 'TRANSACTION_UNUSED' });
    expect(await service.inspect('out', options)).toBeUndefined();
  });

  it.each(joins)('takes in what the injected client %s', async () => {
    await expect(fails(opened.outside, 'ambient')).rejects.toThrow(RangeError);
    expect(await opened.effects()).not.toContain('ambient');
  });
});
