import { IdempotencyModule, PostgresIdempotencyStore } from '@acme/nest-idempotency';
import { MessageContextModule } from '@acme/nest-message-context';
import { OutboxModule, PostgresOutboxStore } from '@acme/nest-outbox';
import { RabbitMqPublisher } from '@acme/nest-rabbitmq';
import { fromPg, TransactionModule } from '@acme/nest-transaction';
import { Module } from '@nestjs/common';
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
  ],
  controllers: [OrderPlacedController],
  providers: [ChargesService],
})
export class AppModule {}
