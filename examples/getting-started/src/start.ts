import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { Transport, type MicroserviceOptions } from '@nestjs/microservices';
import type { INestMicroservice } from '@nestjs/common';
import { PlainJsonDeserializer } from '@acme/nest-message-context';
import type { Pool } from 'pg';
import { BillingModule } from './billing.module.js';

export async function start(pool: Pool, amqpUrl: string): Promise<INestMicroservice> {
  const AppModule = BillingModule.with(pool, amqpUrl);
  // #region main
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
    transport: Transport.RMQ,
    options: {
      urls: [amqpUrl],
      queue: 'billing',
      queueOptions: { durable: true, deadLetterExchange: 'dead' },
      noAck: false,
      prefetchCount: 20,
      deserializer: new PlainJsonDeserializer(),
    },
    logger: ['error', 'warn'],
  });
  app.enableShutdownHooks();
  await app.listen();
  // #endregion
  return app;
}
