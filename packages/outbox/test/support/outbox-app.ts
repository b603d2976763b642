import 'reflect-metadata';
import { openContext, type TestBroker, type TestDatabase } from '@acme/internal-testing';
import {
  Outbox,
  OutboxAdmin,
  OutboxModule,
  OutboxRelay,
  type OutboxModuleOptions,
  type OutboxStore,
} from '@acme/nest-outbox';
import { RabbitMqPublisher } from '@acme/nest-rabbitmq';
import { TransactionModule, Transactions } from '@acme/nest-transaction';
import { Module } from '@nestjs/common';
import { connect } from 'amqplib';
import { postgresAt, type OutboxDatabase } from './outbox-database.js';

export interface OutboxAppOptions extends Omit<Partial<OutboxModuleOptions>, 'store'> {
  readonly store?: OutboxStore;
  /** Where the publisher connects; the broker's own address by default. */
  readonly amqpUrl?: string;
}

/** A Nest application with transactions on the database, and an outbox that publishes to the test's broker. */
export async function openOutboxApp(
  database: TestDatabase | OutboxDatabase,
  broker: Pick<TestBroker, 'url'>,
  { amqpUrl = broker.url, ...options }: OutboxAppOptions = {},
) {
  const { adapter, store } = outboxDatabase(database);
  @Module({
    imports: [
      TransactionModule.forRoot({ adapter }),
      OutboxModule.forRoot({
        store: store(),
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
    transactions: opened.app.get<Transactions<Queryable>>(Transactions),
  };
}

/** A handle of either driver, as far as both agree. */
export interface Queryable {
  query(sql: string): Promise<unknown>;
}

/** How many rows each table of the outbox has. */
export async function outboxRows(database: TestDatabase | OutboxDatabase) {
  const [row] = await outboxDatabase(database).query<{
    pending: number;
    waiting: number;
    parked: number;
  }>(
    `select (select cast(count(*) as int) from outbox_messages) as pending,
            (select cast(count(*) as int) from outbox_waiting) as waiting,
            (select cast(count(*) as int) from outbox_parked) as parked`,
  );
  return row;
}

const outboxDatabase = (database: TestDatabase | OutboxDatabase): OutboxDatabase =>
  'adapter' in database ? database : postgresAt(database.url, database.pool);
