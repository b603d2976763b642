import 'reflect-metadata';
import { addressOf, testDatabase } from '@acme/internal-testing';
import {
  fromTransactionHost,
  sqlOf,
  TransactionModule,
  Transactions,
  TransactionUnsupportedError,
} from '@acme/nest-transaction';
import { prepareTransactionContract } from '@acme/nest-transaction/testing';
import { Inject, Injectable, Module } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { ClsPluginTransactional, Transactional, TransactionHost } from '@nestjs-cls/transactional';
import { TransactionalAdapterTypeOrm } from '@nestjs-cls/transactional-adapter-typeorm';
import { ClsModule } from 'nestjs-cls';
import { DataSource, type EntityManager, EntitySchema } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describePostgres, POOL_SIZE, type PostgresAddress } from './support/describe-contract.js';

type Host = TransactionHost<TransactionalAdapterTypeOrm>;

const Item = new EntitySchema<{ id: string }>({
  name: 'ContractItem',
  tableName: 'contract_item',
  columns: { id: { type: 'varchar', primary: true } },
});

@Injectable()
class Items {
  constructor(
    @Inject(TransactionHost) readonly host: Host,
    @Inject(Transactions) readonly transactions: Transactions,
  ) {}

  add(id: string): Promise<unknown> {
    return this.host.tx.getRepository(Item).insert({ id });
  }

  @Transactional()
  async inTransaction(work: () => Promise<unknown>): Promise<void> {
    await work();
  }
}

async function open(address: PostgresAddress): Promise<TestingModule> {
  const { host, port, user, password, database, options, schema } = address;
  const dataSource = new DataSource({
    type: 'postgres',
    host,
    port,
    username: user,
    password,
    database,
    schema,
    entities: [Item],
    extra: { options },
    poolSize: POOL_SIZE,
  });
  await dataSource.initialize();

  @Module({ providers: [{ provide: DataSource, useValue: dataSource }], exports: [DataSource] })
  class DatabaseModule {}

  return Test.createTestingModule({
    imports: [
      ClsModule.forRoot({
        plugins: [
          new ClsPluginTransactional({
            imports: [DatabaseModule],
            adapter: new TransactionalAdapterTypeOrm({ dataSourceToken: DataSource }),
          }),
        ],
      }),
      TransactionModule.forRootAsync({
        inject: [TransactionHost],
        useFactory: (transactionHost: Host) => ({
          adapter: fromTransactionHost(transactionHost, {
            toOptions: (isolation) => ({ isolationLevel: isolation.toUpperCase() }),
          }),
        }),
      }),
      DatabaseModule,
    ],
    providers: [Items],
  }).compile();
}

describePostgres<EntityManager>(
  'TransactionHost',
  async (address) => {
    const app = await open(address);
    const host = app.get<Host>(TransactionHost);
    return {
      adapter: fromTransactionHost(host, {
        toOptions: (isolation) => ({ isolationLevel: isolation.toUpperCase() }),
      }),
      insert: (_, id) => host.tx.getRepository(Item).insert({ id }),
      close: () => app.get(DataSource, { strict: false }).destroy(),
    };
  },
  { ambient: true },
);

describe('a transaction that @Transactional() has opened', () => {
  let app: TestingModule;
  let items: Items;
  let names: () => Promise<string[]>;

  beforeAll(async () => {
    const { url, schema, pool } = await testDatabase();
    await prepareTransactionContract(sqlOf(pool));
    app = await open({ ...addressOf(url), schema });
    items = app.get(Items);
    names = async () => {
      const { rows } = await pool.query<{ id: string }>('select id from contract_item order by id');
      return rows.map(({ id }) => id);
    };
  });

  afterAll(() => app?.get(DataSource, { strict: false }).destroy());

  it('is joined by packages and by run()', async () => {
    const { transactions } = items;
    const failed = items.inTransaction(async () => {
      expect(transactions.isActive).toBe(true);
      expect(transactions.isOwner).toBe(false);
      await transactions.sql().query('insert into contract_item (id) values ($1)', ['package']);
      await transactions.run(() => items.add('joined'));
      throw new Error('all of it');
    });
    await expect(failed).rejects.toThrow('all of it');
    expect(await names()).toEqual([]);
    expect(transactions.isActive).toBe(false);
  });

  it('refuses after-commit callbacks, because its commit cannot be seen', async () => {
    await items.inTransaction(async () => {
      expect(() => items.transactions.afterCommit(() => undefined)).toThrow(
        TransactionUnsupportedError,
      );
    });
  });

  it('is the one that packages write to when it stands inside a run()', async () => {
    const { transactions } = items;
    await transactions.run(async () => {
      expect(transactions.isOwner).toBe(true);
      const inner = items.host.withTransaction('REQUIRES_NEW' as never, async () => {
        await transactions.sql().query('insert into contract_item (id) values ($1)', ['inner']);
        throw new Error('inner only');
      });
      await expect(inner).rejects.toThrow('inner only');
      await items.add('outer');
    });
    expect(await names()).toEqual(['outer']);
  });

  it('needs toOptions for an isolation level', async () => {
    const transactions = new Transactions({
      name: 'default',
      adapter: fromTransactionHost(items.host),
      onCallbackError: () => undefined,
    });
    const run = transactions.run(async () => undefined, { isolation: 'serializable' });
    await expect(run).rejects.toThrow('toOptions');
  });
});
