import { Module, type DynamicModule } from '@nestjs/common';
import { IdempotencyModule, PostgresIdempotencyStore } from '@acme/nest-idempotency';
import { OutboxModule, PostgresOutboxStore } from '@acme/nest-outbox';
import { RabbitMqPublisher } from '@acme/nest-rabbitmq';
import { fromPg, TransactionModule } from '@acme/nest-transaction';
import { connect } from 'amqplib';
import type { Pool } from 'pg';
import { BillingController } from './billing.controller.js';
import type { Config } from './config.js';

@Module({})
export class BillingModule {
  static with(pool: Pool, config: Config): DynamicModule {
    return {
      module: BillingModule,
      controllers: [BillingController],
      // #region module
      imports: [
        TransactionModule.forRoot({ adapter: fromPg(pool) }),
        IdempotencyModule.forRoot({
          namespace: 'billing',
          store: new PostgresIdempotencyStore({ schema: config.idempotencySchema }),
          migrate: true,
        }),
        OutboxModule.forRoot({
          store: new PostgresOutboxStore({ database: pool }),
          publisher: new RabbitMqPublisher({
            connect: () => connect(config.amqpUrl),
            exchange: config.exchange,
          }),
        }),
      ],
      // #endregion
    };
  }
}
