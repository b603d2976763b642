import { OutboxModule, PostgresOutboxStore } from '@acme/nest-outbox';
import { RabbitMqPublisher } from '@acme/nest-rabbitmq';
import { fromPg, TransactionModule } from '@acme/nest-transaction';
import { Module, type DynamicModule } from '@nestjs/common';
import { connect } from 'amqplib';
import { Client, type Pool } from 'pg';
import { Orders } from './orders.js';

export interface Addresses {
  readonly databaseUrl: string;
  readonly amqpUrl: string;
  readonly exchange: string;
}

const listenTo = (databaseUrl: string) => {
  // #region listen
  const listen = async () => {
    const client = new Client({ connectionString: databaseUrl });
    await client.connect();
    return client;
  };
  // #endregion
  return listen;
};

/** Answers requests, and leaves publishing to others. */
@Module({})
export class ApiModule {
  static with(pool: Pool, { databaseUrl }: Addresses): DynamicModule {
    const listen = listenTo(databaseUrl);
    return {
      module: ApiModule,
      // #region api
      imports: [
        TransactionModule.forRoot({ adapter: fromPg(pool) }),
        OutboxModule.forRoot({
          store: new PostgresOutboxStore({ database: pool, listen }),
          relay: { mode: 'off' },
        }),
      ],
      // #endregion
      providers: [Orders],
    };
  }
}

/** Publishes, and does nothing else: no `Transactions`, no `add()`. */
@Module({})
export class WorkerModule {
  static with(pool: Pool, { databaseUrl, amqpUrl, exchange }: Addresses): DynamicModule {
    const listen = listenTo(databaseUrl);
    return {
      module: WorkerModule,
      // #region worker
      imports: [
        OutboxModule.forRoot({
          store: new PostgresOutboxStore({ database: pool, listen }),
          publisher: new RabbitMqPublisher({
            connect: () => connect(amqpUrl, { noDelay: true }),
            exchange,
          }),
          relay: { mode: 'worker' },
        }),
      ],
      // #endregion
    };
  }
}
