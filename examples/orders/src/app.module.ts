import { GrpcErrorsModule } from '@acme/nest-grpc-errors';
import { IdempotencyModule, PostgresIdempotencyStore } from '@acme/nest-idempotency';
import { MessageContextModule } from '@acme/nest-message-context';
import { OutboxModule, PostgresOutboxStore } from '@acme/nest-outbox';
import { RabbitMqPublisher } from '@acme/nest-rabbitmq';
import { fromPg, TransactionModule } from '@acme/nest-transaction';
import { Module } from '@nestjs/common';
import { connect } from 'amqplib';
import { Pool } from 'pg';
import { config } from './config';
import { DatabaseModule } from './database.module';
import { OrderFeed } from './orders/order-feed';
import { OrdersController } from './orders/orders.controller';
import { OrdersService } from './orders/orders.service';

@Module({
  imports: [
    DatabaseModule,
    MessageContextModule.forRoot(),
    // #region errors
    GrpcErrorsModule.forRoot({ domain: 'orders.shop.example' }),
    // #endregion
    // #region transactions
    TransactionModule.forRootAsync({
      inject: [Pool],
      useFactory: (pool: Pool) => ({ adapter: fromPg(pool) }),
    }),
    // #endregion
    IdempotencyModule.forRootAsync({
      useFactory: () => ({
        namespace: 'orders',
        store: new PostgresIdempotencyStore({
          schema: config.DATABASE_SCHEMA,
          table: 'idempotency',
        }),
        migrate: true,
        // All calls come from the gateway, which knows who is behind them.
        principal: false,
      }),
    }),
    // #region outbox
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
  controllers: [OrdersController],
  providers: [OrdersService, OrderFeed],
})
export class AppModule {}
