import { GrpcClientsModule, GrpcErrorsModule, HttpErrorsFilter } from '@acme/nest-grpc-errors';
import { IdempotencyModule, RedisIdempotencyStore } from '@acme/nest-idempotency';
import { MessageContextModule } from '@acme/nest-message-context';
import { Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { config } from './config.js';
import { HealthController } from './health.controller.js';
import { ordersClient } from './orders/orders.client.js';
import { OrdersController } from './orders/orders.controller.js';
import { Redis, RedisModule } from './redis.module.js';

@Module({
  imports: [
    RedisModule,
    MessageContextModule.forRoot(),
    // #region module
    IdempotencyModule.forRootAsync({
      inject: [Redis],
      useFactory: (redis: Redis) => ({
        namespace: 'gateway',
        store: new RedisIdempotencyStore(redis, { prefix: config.REDIS_PREFIX }),
        // Everybody is one in a shop without logins. With them: `({ message }) => userIdOf(message.raw)`.
        principal: false,
      }),
    }),
    // #endregion
    // #region errors
    GrpcErrorsModule.forRoot({ domain: 'gateway.shop.example' }),
    GrpcClientsModule.register([ordersClient]),
    // #endregion
  ],
  controllers: [OrdersController, HealthController],
  // #region filter
  providers: [{ provide: APP_FILTER, useClass: HttpErrorsFilter }],
  // #endregion
})
export class AppModule {}
