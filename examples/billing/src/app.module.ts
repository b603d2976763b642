import { IdempotencyModule, PostgresIdempotencyStore } from '@acme/nest-idempotency';
import { MessageContextModule } from '@acme/nest-message-context';
import { OutboxModule, PostgresOutboxStore } from '@acme/nest-outbox';
import { RabbitMqModule, RabbitMqPublisher } from '@acme/nest-rabbitmq';
import { fromPg, TransactionModule } from '@acme/nest-transaction';
import { Module } from '@nestjs/common';
import { retryPauses } from '@shop/platform';
import { connect } from 'amqplib';
import { Pool } from 'pg';
import { ChargesService } from './charges/charges.service.js';
import { OrderPlacedController } from './charges/order-placed.controller.js';
import { config } from './config.js';
import { DatabaseModule } from './database.module.js';

@Module({
  imports: [
    DatabaseModule,
    MessageContextModule.forRoot(),
    // #region modules
    TransactionModule.forRootAsync({
      inject: [Pool],
      useFactory: (pool: Pool) => ({ adapter: fromPg(pool) }),
    }),
    IdempotencyModule.forRootAsync({
      useFactory: () => ({
        namespace: 'billing',
        store: new PostgresIdempotencyStore({
          schema: config.DATABASE_SCHEMA,
          table: 'idempotency',
        }),
        migrate: true,
      }),
    }),
    OutboxModule.forRootAsync({
      inject: [Pool],
      useFactory: (pool: Pool) => ({
        store: new PostgresOutboxStore({ database: pool }),
        publisher: new RabbitMqPublisher({
          connect: () => connect(config.AMQP_URL, { noDelay: true }),
          exchange: config.EVENTS_EXCHANGE,
        }),
      }),
    }),
    // #endregion
    RabbitMqModule.forRoot({
      connect: () => connect(config.AMQP_URL),
      service: 'billing',
      // Long enough for an outage of the database; what fails for good is in `<queue>.dlq` afterwards.
      queues: { [config.QUEUE]: { retry: { attempts: 50, backoff: retryPauses } } },
    }),
  ],
  controllers: [OrderPlacedController],
  providers: [ChargesService],
})
export class AppModule {}
