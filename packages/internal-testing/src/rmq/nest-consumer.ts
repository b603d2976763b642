import 'reflect-metadata';
import { RecordingLogger } from '../nest/recording-logger.js';
import { Controller, Module, type INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, Payload, type MicroserviceOptions } from '@nestjs/microservices';

export interface Handled {
  readonly data: unknown;
  readonly context: unknown;
}

/** A stock Nest microservice that handles one pattern; what it got is in `handled`. */
export async function openNestConsumer(
  pattern: unknown,
  options: MicroserviceOptions,
): Promise<{ handled: Handled[]; app: INestMicroservice }> {
  const handled: Handled[] = [];
  @Controller()
  class Consumer {
    @EventPattern(pattern)
    on(@Payload() data: unknown, @Ctx() context: unknown): void {
      handled.push({ data, context });
    }
  }
  @Module({ controllers: [Consumer] })
  class ConsumerModule {}
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(ConsumerModule, {
    ...options,
    logger: new RecordingLogger(),
  });
  await app.listen();
  return { handled, app };
}
