import { IdempotencyModule, RedisIdempotencyStore } from '@acme/nest-idempotency';
import { MessageContextModule } from '@acme/nest-message-context';
import { Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { ClientsModule } from '@nestjs/microservices';
import { config } from './config.js';
import { GrpcStatusFilter } from './grpc/grpc-status.filter.js';
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
    ClientsModule.register([ordersClient]),
  ],
  controllers: [OrdersController, HealthController],
  providers: [{ provide: APP_FILTER, useClass: GrpcStatusFilter }],
})
export class AppModule {}
