import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { Transport, type MicroserviceOptions } from '@nestjs/microservices';
import type { INestMicroservice } from '@nestjs/common';
import { PlainJsonDeserializer } from '@acme/nest-message-context';
import type { Pool } from 'pg';
import { BillingModule } from './billing.module.js';
import { readConfig } from './config.js';

export async function start(pool: Pool, config = readConfig()): Promise<INestMicroservice> {
  const AppModule = BillingModule.with(pool, config);
  // #region main
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
    transport: Transport.RMQ,
    options: {
      urls: [config.amqpUrl],
      queue: config.queue,
      queueOptions: {
        durable: true,
        deadLetterExchange: config.deadLetterExchange,
        // What fails again and again goes there as well, after so many deliveries.
        arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 20 },
      },
      noAck: false,
      prefetchCount: 20,
      deserializer: new PlainJsonDeserializer(),
    },
  });
  app.enableShutdownHooks();
  await app.listen();
  // #endregion
  return app;
}
