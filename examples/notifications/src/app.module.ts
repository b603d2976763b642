import { IdempotencyModule, RedisIdempotencyStore } from '@acme/nest-idempotency';
import { MessageContextModule } from '@acme/nest-message-context';
import { RabbitMqModule } from '@acme/nest-rabbitmq';
import { RabbitMQModule } from '@golevelup/nestjs-rabbitmq';
import { Module } from '@nestjs/common';
import { retryPauses } from '@shop/platform';
import { connect } from 'amqplib';
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
    RabbitMqModule.forRoot({
      connect: () => connect(config.AMQP_URL),
      service: 'notifications',
      queues: { [config.QUEUE]: { retry: { attempts: 50, backoff: retryPauses } } },
    }),
  ],
  providers: [Mailer, PaymentCapturedConsumer],
})
export class AppModule {}
