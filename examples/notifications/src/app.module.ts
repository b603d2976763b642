import { IdempotencyModule, RedisIdempotencyStore } from '@acme/nest-idempotency';
import { MessageContextModule } from '@acme/nest-message-context';
import { RabbitMQModule } from '@golevelup/nestjs-rabbitmq';
import { Module } from '@nestjs/common';
import { config } from './config';
import { DatabaseModule } from './database.module';
import { Mailer } from './mail/mailer';
import { PaymentCapturedConsumer } from './mail/payment-captured.consumer';
import { rabbitMq } from './rabbitmq';
import { Redis, RedisModule } from './redis.module';

@Module({
  imports: [
    DatabaseModule,
    RedisModule,
    MessageContextModule.forRoot(),
    IdempotencyModule.forRootAsync({
      inject: [Redis],
      useFactory: (redis: Redis) => ({
        namespace: 'notifications',
        store: new RedisIdempotencyStore(redis, { prefix: config.REDIS_PREFIX }),
      }),
    }),
    RabbitMQModule.forRoot(rabbitMq),
  ],
  providers: [Mailer, PaymentCapturedConsumer],
})
export class AppModule {}
