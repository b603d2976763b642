import { fromMikroOrm } from '@acme/nest-transaction';
import { type EntityManager, EntitySchema, MikroORM } from '@mikro-orm/postgresql';
import { describePostgres, POOL_SIZE } from './support/describe-contract.js';

interface Item {
  id: string;
}

const Item = new EntitySchema<Item>({
  name: 'ContractItem',
  tableName: 'contract_item',
  properties: { id: { type: 'string', primary: true } },
});

describePostgres<EntityManager>(
  'MikroORM',
  async ({ host, port, user, password, database, options }) => {
    const orm = await MikroORM.init({
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
    return {
      adapter: fromMikroOrm(orm),
      insert: (em, id) => em.insert(Item, { id }),
      close: () => orm.close(),
    };
  },
  { ambient: true },
);
