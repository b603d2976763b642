import { IdempotencyModule, PostgresIdempotencyStore } from '@acme/nest-idempotency';
import { MessageContextModule } from '@acme/nest-message-context';
import { OutboxModule, PostgresOutboxStore, RabbitMqPublisher } from '@acme/nest-outbox';
import { fromPg, TransactionModule } from '@acme/nest-transaction';
import { Module } from '@nestjs/common';
import { Pool } from 'pg';
import { ChargesService } from './charges/charges.service.js';
import { OrderPlacedController } from './charges/order-placed.controller.js';
import { config } from './config.js';
import { DatabaseModule } from './database.module.js';

@Module({
  imports: [
    DatabaseModule,
    MessageContextModule.forRoot(),
    TransactionModule.forRootAsync({
      inject: [Pool],
      useFactory: (pool: Pool) => ({ adapter: fromPg(pool) }),
    }),
    IdempotencyModule.forRootAsync({
      inject: [Pool],
      useFactory: (pool: Pool) => ({ store: new PostgresIdempotencyStore(pool) }),
    }),
    OutboxModule.forRootAsync({
      inject: [Pool],
      useFactory: (pool: Pool) => ({
        store: new PostgresOutboxStore(pool),
        publisher: new RabbitMqPublisher({
          url: config.AMQP_URL,
          exchange: config.EVENTS_EXCHANGE,
        }),
      }),
    }),
  ],
  controllers: [OrderPlacedController],
  providers: [ChargesService],
})
export class AppModule {}
