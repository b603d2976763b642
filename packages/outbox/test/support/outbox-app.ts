import 'reflect-metadata';
import { openContext, type TestBroker, type TestDatabase } from '@acme/internal-testing';
import {
  Outbox,
  OutboxAdmin,
  OutboxModule,
  OutboxRelay,
  PostgresOutboxStore,
  RabbitMqPublisher,
  type OutboxModuleOptions,
} from '@acme/nest-outbox';
import { fromPg, TransactionModule, Transactions } from '@acme/nest-transaction';
import { Module } from '@nestjs/common';
import { connect } from 'amqplib';
import type { PoolClient } from 'pg';

export interface OutboxAppOptions extends Omit<Partial<OutboxModuleOptions>, 'store'> {
  readonly store?: PostgresOutboxStore;
  /** Where the publisher connects; the broker's own address by default. */
  readonly amqpUrl?: string;
}

/** A Nest application with transactions on `pg`, and an outbox that publishes to the test's broker. */
export async function openOutboxApp(
  database: TestDatabase,
  broker: TestBroker,
  { amqpUrl = broker.url, ...options }: OutboxAppOptions = {},
) {
  @Module({
    imports: [
      TransactionModule.forRoot({ adapter: fromPg(database.pool) }),
      OutboxModule.forRoot({
        store: new PostgresOutboxStore({ database: database.pool }),
        publisher: new RabbitMqPublisher({ connect: () => connect(amqpUrl) }),
        ...options,
      }),
    ],
  })
  class AppModule {}
  const opened = await openContext(AppModule);
  return {
    ...opened,
    outbox: opened.app.get(Outbox),
    relay: opened.app.get(OutboxRelay),
    admin: opened.app.get(OutboxAdmin),
    transactions: opened.app.get<Transactions<PoolClient>>(Transactions),
  };
}

/** How many rows each table of the outbox has. */
export async function outboxRows(database: TestDatabase) {
  const { rows } = await database.pool.query<{ pending: number; waiting: number; parked: number }>(
    `select (select count(*)::int from outbox_messages) as pending,
            (select count(*)::int from outbox_waiting) as waiting,
            (select count(*)::int from outbox_parked) as parked`,
  );
  return rows[0];
}
