import 'reflect-metadata';
import { fromTypeOrm } from '@acme/nest-transaction';
import { DataSource, type EntityManager, EntitySchema } from 'typeorm';
import { describeMaria, describePostgres, POOL_SIZE } from './support/describe-contract.js';

const Item = new EntitySchema<{ id: string }>({
  name: 'ContractItem',
  tableName: 'contract_item',
  columns: { id: { type: 'varchar', primary: true } },
});

const insert = (manager: EntityManager, id: string) => manager.getRepository(Item).insert({ id });

describePostgres<EntityManager>(
  'TypeORM on PostgreSQL',
  async ({ host, port, user, password, database, options, schema }) => {
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
    return {
      adapter: fromTypeOrm(dataSource),
      client: dataSource.manager,
      insert,
      close: () => dataSource.destroy(),
    };
  },
);

describeMaria<EntityManager>(
  'TypeORM on MariaDB',
  async ({ host, port, user, password, database }) => {
    const dataSource = new DataSource({
      type: 'mariadb',
      host,
      port,
      username: user,
      password,
      database,
      entities: [Item],
      poolSize: POOL_SIZE,
    });
    await dataSource.initialize();
    return {
      adapter: fromTypeOrm(dataSource),
      client: dataSource.manager,
      insert,
      close: () => dataSource.destroy(),
    };
  },
);
