import { fromSequelize } from '@acme/nest-transaction';
import { DataTypes, Sequelize, type Transaction } from 'sequelize';
import { describeMaria, describePostgres, POOL_SIZE } from './support/describe-contract.js';

function library(sequelize: Sequelize) {
  const Item = sequelize.define(
    'ContractItem',
    { id: { type: DataTypes.STRING, primaryKey: true } },
    { tableName: 'contract_item', timestamps: false },
  );
  return {
    adapter: fromSequelize(sequelize),
    insert: (transaction: Transaction, id: string) => Item.create({ id }, { transaction }),
    close: () => sequelize.close(),
  };
}

const shared = { logging: false as const, pool: { max: POOL_SIZE } };

describePostgres<Transaction>(
  'Sequelize on pg',
  async ({ host, port, user, password, database, options }) =>
    library(
      new Sequelize(database, user, password, {
        dialect: 'postgres',
        host,
        port,
        dialectOptions: { options },
        ...shared,
      }),
    ),
);

describeMaria<Transaction>(
  'Sequelize on mysql2',
  async ({ host, port, user, password, database }) =>
    library(new Sequelize(database, user, password, { dialect: 'mysql', host, port, ...shared })),
);
