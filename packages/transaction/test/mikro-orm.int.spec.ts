import { addressOf, testDatabase } from '@acme/internal-testing';
import {
  fromMikroOrm,
  sqlOf,
  sqlStateOf,
  Transactions,
  TransactionUnsupportedError,
} from '@acme/nest-transaction';
import { prepareTransactionContract } from '@acme/nest-transaction/testing';
import { type EntityManager, EntitySchema, MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describePostgres, POOL_SIZE, type PostgresAddress } from './support/describe-contract.js';

interface Item {
  id: string;
}

const Item = new EntitySchema<Item>({
  name: 'ContractItem',
  tableName: 'contract_item',
  properties: { id: { type: 'string', primary: true } },
});

function open({ host, port, user, password, database, options }: PostgresAddress) {
  return MikroORM.init({
    host,
    port,
    user,
    password,
    dbName: database,
    entities: [Item],
    allowGlobalContext: true,
    driverOptions: { connection: { options } },
    pool: { min: 0, max: POOL_SIZE },
  });
}

describePostgres<EntityManager>(
  'MikroORM',
  async (address) => {
    const orm = await open(address);
    return {
      adapter: fromMikroOrm(orm),
      insert: (em, id) => em.insert(Item, { id }),
      close: () => orm.close(),
    };
  },
  { ambient: true },
);

describe('a transaction of MikroORM', () => {
  let orm: MikroORM;
  let transactions: Transactions<EntityManager>;
  let names: () => Promise<string[]>;

  beforeAll(async () => {
    const { url, schema, pool } = await testDatabase();
    await prepareTransactionContract(sqlOf(pool));
    orm = await open({
      ...addressOf(url),
      schema,
      options: new URL(url).searchParams.get('options') ?? '',
    });
    transactions = new Transactions({
      name: 'default',
      adapter: fromMikroOrm(orm),
      onCallbackError: () => undefined,
    });
    names = async () => {
      const { rows } = await pool.query<{ id: string }>('select id from contract_item order by id');
      return rows.map(({ id }) => id);
    };
  });

  afterAll(() => orm?.close());

  it('reaches the injected manager by itself, and flushes before the commit', async () => {
    await transactions.run(async () => {
      orm.em.persist(orm.em.create(Item, { id: 'persisted' }));
      expect(transactions.touched).toBeUndefined();
    });
    expect(await names()).toEqual(['persisted']);
  });

  it('rejects with the error of the flush', async () => {
    const run = transactions.run(async () => {
      await transactions.sql().query('insert into contract_item (id) values ($1)', ['taken']);
      orm.em.persist(orm.em.create(Item, { id: 'taken' }));
    });
    expect(sqlStateOf(await run.catch((error: unknown) => error))).toBe('23505');
  });

  it('is joined when em.transactional() has opened it', async () => {
    const failed = orm.em.transactional(async () => {
      expect(transactions.isActive).toBe(true);
      expect(transactions.isOwner).toBe(false);
      await transactions.sql().query('insert into contract_item (id) values ($1)', ['package']);
      await transactions.run(() => orm.em.insert(Item, { id: 'joined' }));
      expect(() => transactions.afterCommit(() => undefined)).toThrow(TransactionUnsupportedError);
      throw new Error('all of it');
    });
    await expect(failed).rejects.toThrow('all of it');
    expect(await names()).toEqual(['persisted']);
  });

  it('gives packages the savepoint that is open inside a run()', async () => {
    await transactions.run(async () => {
      const inner = orm.em.transactional(async () => {
        await transactions.sql().query('insert into contract_item (id) values ($1)', ['inner']);
        throw new Error('inner only');
      });
      await expect(inner).rejects.toThrow('inner only');
      await transactions.sql().query('insert into contract_item (id) values ($1)', ['outer']);
    });
    expect(await names()).toEqual(['outer', 'persisted']);
  });
});
