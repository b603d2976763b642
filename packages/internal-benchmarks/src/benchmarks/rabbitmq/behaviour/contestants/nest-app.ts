import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Transport, type MicroserviceOptions, type RmqOptions } from '@nestjs/microservices';
import type { Place } from '../contestant.js';

/** A Nest microservice with these modules, which closes when its process is told to end. */
export async function listenNest(
  { amqpUrl, queue, queueOptions, prefetch }: Place,
  controller: Type,
  imports: DynamicModule[],
  options: RmqOptions['options'] = {},
): Promise<{ close(): Promise<void> }> {
  @Module({ imports, controllers: [controller] })
  class AppModule {}
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
    transport: Transport.RMQ,
    options: {
      urls: [amqpUrl],
      queue,
      queueOptions,
      noAck: false,
      prefetchCount: prefetch,
      ...options,
    },
    logger: ['fatal'],
  });
  await app.listen();
  return { close: () => app.close() };
}
