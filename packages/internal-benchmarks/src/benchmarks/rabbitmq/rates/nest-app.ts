import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Transport, type MicroserviceOptions } from '@nestjs/microservices';
import { QUORUM } from '../quorum.js';
import type { Place } from './subject.js';

/** A Nest microservice on the queue, with these modules. */
export async function listenNest(
  { amqpUrl, queue, prefetch }: Place,
  controller: Type,
  imports: DynamicModule[],
): Promise<() => Promise<void>> {
  @Module({ imports, controllers: [controller] })
  class AppModule {}
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
    transport: Transport.RMQ,
    options: {
      urls: [amqpUrl],
      queue,
      queueOptions: QUORUM,
      noAck: false,
      prefetchCount: prefetch,
    },
    // What a log costs is the logger's affair.
    logger: false,
  });
  await app.listen();
  return () => app.close();
}
