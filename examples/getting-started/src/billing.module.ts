import { Module, type DynamicModule } from '@nestjs/common';
import { IdempotencyModule, PostgresIdempotencyStore } from '@acme/nest-idempotency';
import { OutboxModule, PostgresOutboxStore, RabbitMqPublisher } from '@acme/nest-outbox';
import { fromPg, TransactionModule } from '@acme/nest-transaction';
import { connect } from 'amqplib';
import type { Pool } from 'pg';
import { BillingController } from './billing.controller.js';

@Module({})
export class BillingModule {
  static with(pool: Pool, amqpUrl: string): DynamicModule {
    return {
      module: BillingModule,
      controllers: [BillingController],
      // #region module
      imports: [
        TransactionModule.forRoot({ adapter: fromPg(pool) }),
        IdempotencyModule.forRoot({
          namespace: 'billing',
          store: new PostgresIdempotencyStore(),
          migrate: true,
        }),
        OutboxModule.forRoot({
          store: new PostgresOutboxStore({ database: pool }),
          publisher: new RabbitMqPublisher({ connect: () => connect(amqpUrl), exchange: 'shop' }),
        }),
      ],
      // #endregion
    };
  }
}
